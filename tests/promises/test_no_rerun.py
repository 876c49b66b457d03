"""no-rerun: killed and resumed repeatedly, a run ends as if nothing had happened, and no success is repeated."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec
from support.crashes import CUT_SHORT, dag, effects, judged
from support.runs import Run, last_run, runs

JOBS = 30
Figure = Callable[[str, object], None]


def journal_size(folder: Path) -> int:
    """Of the last run; 0 before the first."""
    found = runs(folder)
    try:
        return (found[-1].path / "events.jsonl").stat().st_size if found else 0
    except FileNotFoundError:
        return 0


def killed_or_done(pexec: Pexec, command: str, chance: random.Random) -> int | None:
    """Kill pexec once its journal has grown by a random size; its exit code if it ended before that."""
    enough = journal_size(pexec.folder) + chance.randrange(1, 9000)
    process = pexec.start(command, "-j", "4", "--output", "quiet", stderr=subprocess.PIPE)
    give_up_at = time.monotonic() + 60
    while process.poll() is None and journal_size(pexec.folder) < enough and time.monotonic() < give_up_at:
        time.sleep(chance.uniform(0, 0.01))
    process.send_signal(signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert b"Traceback" not in stderr, stderr.decode()
    return None if process.returncode == -signal.SIGKILL else process.returncode


def one_run(pexec: Pexec, chance: random.Random, most: int) -> tuple[Run, int]:
    """A run that is killed up to `most` times and then left to end; and how often it was killed."""
    (pexec.folder / "effects").mkdir()
    pexec.file("pexec.yaml", dag(JOBS))
    command, kills = "apply", 0
    while kills < most:
        exit_code = killed_or_done(pexec, command, chance)
        if exit_code is not None:
            assert exit_code == 0
            return judged(last_run(pexec.folder)), kills
        kills += 1
        command = "resume" if journal_size(pexec.folder) else "apply"
    said = pexec.run(command, "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    return judged(last_run(pexec.folder)), kills


def check_effects(run: Run, folder: Path) -> int:
    """Each attempt had its effect at most once and is in the journal; a job that succeeded did so once, and any other
    effect is of an attempt that is marked as lost. The number of those."""
    ends = {(e["job"], e["attempt"]): (e["verdict"], e["reason"]) for e in run.named("attempt.finished")}
    extra = 0
    for job, attempts in effects(folder).items():
        assert len(set(attempts)) == len(attempts)
        verdicts = Counter(ends[job, attempt] for attempt in attempts)
        extra += verdicts.pop(("lost", CUT_SHORT), 0)
        assert {verdict for verdict, _ in verdicts} == {run.statuses[job]}
        assert run.statuses[job] == "failed" or verdicts.total() == 1
    return extra


@pytest.mark.faults
def test_a_run_that_is_killed_repeatedly_ends_as_if_nothing_had_happened(
    tmp_path: Path, full: bool, figure: Figure
) -> None:
    (tmp_path / "calm").mkdir()
    calm, _ = one_run(Pexec(tmp_path / "calm"), random.Random(0), 0)
    chance = random.Random(time.time_ns() if full else 9)
    wanted, kills, extra, lost, torn = 200 if full else 8, 0, 0, 0, 0
    while kills < wanted:
        folder = tmp_path / f"killed-{kills}"
        folder.mkdir()
        pexec = Pexec(folder)
        run, times = one_run(pexec, chance, wanted - kills)
        assert run.statuses == calm.statuses
        assert {job: entry["exit_code"] for job, entry in run.jobs.items()} == {
            job: entry["exit_code"] for job, entry in calm.jobs.items()
        }
        extra += check_effects(run, pexec.folder)
        lost += len(run.named("attempt.finished", reason=CUT_SHORT))
        torn += len(run.named("journal.recovered"))
        kills += times
    figure("kills survived", kills)
    figure("attempts that a kill cut short and that were repeated", f"{lost}, {extra} of them after their effect")
    figure("lines that a kill tore", torn)
