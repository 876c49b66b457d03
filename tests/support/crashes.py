"""Runs that are killed, truncated and damaged: what they run, and how they are verified afterwards."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

from support.cli import Said
from support.runs import Run

from orchestrator.cli import main
from orchestrator.report.verify.judge import violations

CUT_SHORT = "pexec ended before it did"


def judged(run: Run) -> Run:
    """The run, verified by what holds of every run, and by the independent judge."""
    run.check()
    found = violations(run.json("plan.json"), run.events)
    assert not found, "\n".join(map(str, found))
    return run


def sealed(event: dict[str, Any]) -> bytes:
    """A line of a journal with a correct checksum."""
    body = json.dumps({key: event[key] for key in event if key != "crc"}, separators=(",", ":")).encode()[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def pexec_here(folder: Path, *arguments: str) -> Said:
    """What `pexec ARGUMENTS` prints in this directory; in this process, for tests that need very many."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = main.run(arguments)
    finally:
        os.chdir(before)
    return Said(code, out.getvalue(), err.getvalue())


def dag(jobs: int) -> str:
    """A manifest of this number of jobs, each of which needs up to three of those before it; the last four are three
    jobs of a matrix and one that needs them.

    Each attempt that gets that far appends its number to `effects/<job>`. Every seventh job fails, which is allowed;
    every fifth of the others fails the first time, and is retried.
    """
    lines = ["version: 1", "defaults: {shell: [sh, -eu], retry: {max_attempts: 3, delay: 10ms}}", "workflows:"]
    plain = jobs - 4
    for number in range(plain):
        needs = sorted(
            {before for before in (number - 1 - number % 3, number // 2, number - 7) if 0 <= before < number}
        )
        run = "sleep 0.0$((PEXEC_ATTEMPT % 5)); "
        if number % 5 == 0 and number % 7 != 3:
            run += "test -e tried-$PEXEC_JOB || { touch tried-$PEXEC_JOB; exit 1; }; "
        run += "echo $PEXEC_ATTEMPT >> effects/$PEXEC_JOB"
        if number % 7 == 3:
            run += "; exit 3"
        may_fail = ", allow_failure: true, retry: {max_attempts: 1}" if number % 7 == 3 else ""
        lines.append(f"  j{number}: {{needs: [{', '.join(f'j{n}' for n in needs)}], run: '{run}'{may_fail}}}")
    note = "sleep 0.0$((PEXEC_ATTEMPT % 5)); echo $PEXEC_ATTEMPT >> effects/$PEXEC_JOB"
    lines.append(f"  cells: {{needs: [j{plain // 2}], matrix: {{n: [1, 2, 3]}}, run: '{note}'}}")
    lines.append(f"  last: {{needs: [cells, j{plain - 1}], run: '{note}'}}")
    return "\n".join(lines) + "\n"


def effects(folder: Path) -> dict[str, list[int]]:
    """Job -> the numbers of the attempts that had their effect, in order."""
    return {path.name: [int(line) for line in path.read_text().split()] for path in (folder / "effects").iterdir()}
