"""durable-success: a success that was shown survives `kill -9` of pexec, and is never repeated."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec
from support.crashes import dag, judged, pexec_here
from support.runs import last_run

SHOWN = re.compile(rb"^\[\d+/\d+\] (\S+) succeeded", re.MULTILINE)
WRITTEN = re.compile(
    rb'"event":"job.finished","job":"([^"]+)","status":"succeeded".*"crc":"[0-9a-f]{8}"}$', re.MULTILINE
)


@pytest.mark.faults
def test_a_success_that_was_shown_survives_a_kill_and_is_not_repeated(
    tmp_path: Path, full: bool, figure: Callable[[str, object], None]
) -> None:
    chance, successes = random.Random(5), 0
    for number in range(40 if full else 3):
        (tmp_path / str(number)).mkdir()
        pexec = Pexec(tmp_path / str(number))
        shown = killed_after(pexec, chance.randrange(1, 14))
        journal = (last_run(pexec.folder).path / "events.jsonl").read_bytes()
        assert shown <= set(WRITTEN.findall(journal))
        assert pexec.run("resume", "--output", "quiet").exit_code == 0
        run = judged(last_run(pexec.folder))
        before = sum(line.endswith(b'"}') and b'"attempt.started"' in line for line in journal.split(b"\n"))
        again = {event["job"] for event in run.named("attempt.started")[before:]}
        assert not again & {job.decode() for job in shown}
        successes += len(shown)
    figure("successes shown before a kill, none lost or done again", f"{successes} in {number + 1} runs")


def killed_after(pexec: Pexec, wanted: int) -> set[bytes]:
    """The jobs whose success had been shown when the run was killed, which was once this number had been."""
    (pexec.folder / "effects").mkdir()
    process = pexec.file("pexec.yaml", dag(20)).start(
        "apply", "--output", "plain", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    shown: set[bytes] = set()
    with process.stderr:
        while len(shown) < wanted:
            line = process.stderr.readline()
            assert line, "the run ended too soon"
            shown |= set(SHOWN.findall(line))
        process.send_signal(signal.SIGKILL)
        shown |= set(SHOWN.findall(process.stderr.read()))
    process.wait()
    return shown


def test_with_durability_power_a_success_is_on_disk_before_a_dependent_starts(
    pexec: Pexec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job notes what had been synced to disk by then; in this process, where that can be observed."""
    sync, main, durable = os.fdatasync, threading.get_ident(), pexec.folder / "durable"

    def seen(descriptor: int) -> None:
        sync(descriptor)
        if threading.get_ident() == main:
            durable.write_bytes(os.pread(descriptor, os.fstat(descriptor).st_size, 0))

    monkeypatch.setattr(os, "fdatasync", seen)
    chain = "\n".join(
        f"  j{number}: {{{f'needs: j{number - 1}, ' if number else ''}run: cp durable had-$PEXEC_JOB}}"
        for number in range(4)
    )
    pexec.file("pexec.yaml", f"version: 1\npolicy: {{durability: power}}\nworkflows:\n{chain}\n")
    assert pexec_here(pexec.folder, "apply", "--output", "quiet").exit_code == 0
    for number in range(4):
        had = (pexec.folder / f"had-j{number}").read_bytes()
        assert {job.decode() for job in WRITTEN.findall(had)} == {f"j{before}" for before in range(number)}
        assert had.endswith(b"\n")
