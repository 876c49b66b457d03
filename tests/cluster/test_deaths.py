"""Runs on workers that are interrupted, suspended, cancelled, or that lose workers which are idle or never came."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from support.attempts import marked, new_mark, stands_still, survivors, wait_until
from support.cli import Pexec
from support.clusters import (
    BRIEF,
    apply,
    end,
    journal,
    manifest,
    start,
    verified,
    wait_for_events,
    workers_of,
)
from support.runs import last_run

pytestmark = pytest.mark.faults


def test_a_worker_that_was_killed_while_idle_costs_no_attempt_and_leaves_no_files(pexec: Pexec) -> None:
    scratch = pexec.folder / "scratch"
    scratch.mkdir()
    pexec.env({"TMPDIR": str(scratch)})
    run = start(
        pexec, "  a: {run: until test -e go; do sleep 0.05; done}\n  b: {run: 'true'}\n  c: {needs: a, run: ':'}\n"
    )
    wait_for_events(pexec, b'"job.finished"', 1, run)
    so_far = last_run(pexec.folder)
    (busy,) = so_far.named("attempt.started", job="a")
    assert len(list(scratch.glob("pexec-worker-*"))) == 2
    for event in so_far.named("worker.joined"):
        if event["worker"] != busy["worker"]:
            os.kill(event["pid"], signal.SIGKILL)
    wait_for_events(pexec, b'"worker.joined"', 3, run)
    pexec.file("go", "")
    assert run.wait(60) == 0
    assert verified(pexec).named("attempt.finished", verdict="lost") == []
    assert list(scratch.iterdir()) == []


def test_an_interrupt_stops_jobs_on_workers_within_their_grace(pexec: Pexec) -> None:
    mark = new_mark()
    run = start(pexec, f"  a: {{matrix: {{n: [1, 2]}}, run: \"sh -c 'sleep 60; : {mark}'\"}}\n")
    assert end(run, signal.SIGINT) == 130
    assert survivors(mark, 0) == set()
    done = verified(pexec)
    assert {event["verdict"] for event in done.named("attempt.finished")} == {"killed"}


def test_an_interrupt_of_the_whole_terminal_reaches_pexec_alone(pexec: Pexec) -> None:
    """Workers are in sessions of their own."""
    mark = new_mark()
    pexec.file(
        "pexec.yaml",
        manifest(f"  a: {{run: \"trap 'echo stopped; exit 5' TERM; echo ready; sleep 60 & wait; : {mark}\"}}\n"),
    )
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    done = journal(pexec)
    assert done is not None
    assert wait_until(lambda: b"ready" in (done.parent / "logs/a.1.log").read_bytes())
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(60) == 130
    assert verified(pexec).log("a") == b"ready\nstopped\n"


def test_a_suspended_run_suspends_its_jobs_on_workers_and_continues(pexec: Pexec) -> None:
    mark = new_mark()
    run = start(
        pexec, f"  a: {{matrix: {{n: [1, 2]}}, run: \"sh -c 'until test -e go; do sleep 0.05; done; : {mark}'\"}}\n"
    )
    assert wait_until(lambda: len(marked(mark)) >= 2)
    os.kill(run.pid, signal.SIGTSTP)
    assert wait_until(lambda: stands_still({*marked(mark), run.pid}), 30)
    pexec.file("go", "")
    os.kill(run.pid, signal.SIGCONT)
    assert run.wait(60) == 0
    assert verified(pexec).named("attempt.finished", verdict="lost") == []


def test_cancelling_one_job_leaves_the_others(pexec: Pexec) -> None:
    run = start(pexec, "  a: {run: sleep 60}\n  b: {run: until test -e go; do sleep 0.05; done}\n")
    assert pexec.run("cancel", "a").exit_code == 0
    wait_for_events(pexec, b'"status":"cancelled"', 1, run)
    pexec.file("go", "")
    assert run.wait(60) == 1
    assert verified(pexec).statuses == {"a": "cancelled", "b": "succeeded"}


def test_workers_that_cannot_start_end_the_run_which_can_be_resumed_at_home(pexec: Pexec) -> None:
    pexec.file("broken/distributed/__init__.py", "raise ImportError('this copy is broken')\n")
    pexec.env(PYTHONPATH=str(pexec.folder / "broken"))
    said = pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n")).run("apply", "--output", "quiet")
    assert said.exit_code == 5, said.stderr
    assert "error[PX311]: no job can be started: ImportError: this copy is broken\n" in said.stderr
    assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 0
    assert (pexec.folder / "ran").exists()


def test_a_run_that_ends_leaves_no_process_and_no_directory_of_a_worker(pexec: Pexec) -> None:
    pexec.env(TMPDIR=str(pexec.home))
    before = set(pexec.home.iterdir())
    apply(pexec, "  a: {run: 'true'}\n")
    assert {path for path in pexec.home.iterdir() if path.name.startswith("pexec-")} - before == set()


def test_a_stopped_worker_does_not_keep_an_interrupted_run_from_ending(pexec: Pexec) -> None:
    """Its jobs end with its lease."""
    mark = new_mark()
    run = start(pexec, f"  a: {{matrix: {{n: [1, 2]}}, run: \"sh -c 'sleep 60; : {mark}'\", grace: 100ms}}\n", BRIEF)
    assert wait_until(lambda: len(marked(mark)) >= 2)
    for worker in workers_of(run.pid):
        os.kill(worker, signal.SIGSTOP)
    assert end(run, signal.SIGINT) == 130
    assert survivors(mark, 0) == set()
    ends = verified(pexec).named("attempt.finished")
    assert {event["verdict"] for event in ends} == {"lost"}
