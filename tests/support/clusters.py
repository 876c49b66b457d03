"""Runs on worker processes, and what is left of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from support.attempts import marked, wait_until
from support.cli import Pexec
from support.runs import Run, last_run

from orchestrator.execute.warden.processes import children

PAIR = "policy: {cluster: pair}\nclusters: {pair: {processes: {count: 2, slots: 2}}}\n"
BRIEF = "policy: {cluster: pair}\nclusters: {pair: {processes: {count: 2, slots: 2}, lease: 2s}}\n"


def manifest(workflows: str, head: str = PAIR) -> str:
    return f"version: 1\n{head}defaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"


def apply(pexec: Pexec, workflows: str, *flags: str, exit_code: int = 0, head: str = PAIR) -> Run:
    """A run on two workers, with nothing left of it."""
    said = pexec.file("pexec.yaml", manifest(workflows, head)).run("apply", "--output", "quiet", *flags)
    assert said.exit_code == exit_code, said.stderr
    return verified(pexec)


def verified(pexec: Pexec) -> Run:
    """The last run, of which `verify` finds nothing wrong."""
    said = pexec.run("verify")
    assert said.exit_code == 0, said.stdout
    return last_run(pexec.folder)


def journal(pexec: Pexec) -> Path | None:
    found = sorted((pexec.folder / ".pexec/runs").glob("*/events.jsonl"))
    return found[-1] if found else None


def wait_for_events(pexec: Pexec, text: bytes, number: int = 1, run: subprocess.Popen[Any] | None = None) -> None:
    """Until the journal of the last run has this text so many times."""

    def is_there() -> bool:
        assert run is None or run.poll() is None, "pexec has ended"
        path = journal(pexec)
        return path is not None and path.read_bytes().count(text) >= number

    assert wait_until(is_there, 60), text


def start(pexec: Pexec, workflows: str, head: str = PAIR) -> subprocess.Popen[bytes]:
    """Begin a run: two workers have joined and two attempts have a process."""
    before = journal(pexec)
    pexec.file("pexec.yaml", manifest(workflows, head))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    assert wait_until(lambda: journal(pexec) != before)
    wait_for_events(pexec, b'"worker.joined"', 2, run)
    wait_for_events(pexec, b'"attempt.spawned"', 2, run)
    return run


def no_overlap(run: Run) -> None:
    """No attempt of a job starts before the one before it has ended, by the journal."""
    for event in run.named("attempt.started"):
        if event["attempt"] > 1:
            (before,) = run.named("attempt.finished", job=event["job"], attempt=event["attempt"] - 1)
            assert before["at"] <= event["at"]


def attempts_below(pexec: int, mark: str) -> tuple[int, set[int]]:
    """A worker that runs attempts with this mark, and their processes; waits for it."""
    found: dict[int, set[int]] = {}

    def is_busy() -> bool:
        for worker in workers_of(pexec):
            if below := {pid for pid in marked(mark) if _is_below(pid, worker)}:
                found[worker] = below
                return True
        return False

    assert wait_until(is_busy)
    return next(iter(found.items()))


def _is_below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        if pid == ancestor:
            return True
    return False


def workers_of(pexec: int) -> list[int]:
    """The worker processes that this pexec has started."""
    return [pid for pid in children(pexec) if b"worker_process" in arguments(pid)]


def arguments(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def end(process: subprocess.Popen[Any], number: int) -> int:
    """Send a signal to pexec and wait for its end; the exit code."""
    os.kill(process.pid, number)
    return process.wait(60)
