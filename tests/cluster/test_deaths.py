"""Whoever dies of a run on workers: no job outlives it, none runs twice at once, and the run goes on or can be resumed.

`pytest --full` kills at twenty moments instead of three.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable

import pytest
from support.attempts import marked, new_mark, stands_still, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.clusters import (
    BRIEF,
    PAIR,
    apply,
    end,
    is_alive,
    journal,
    manifest,
    verified,
    wait_for_events,
    workers_of,
)
from support.runs import Run, last_run

pytestmark = pytest.mark.faults
Figure = Callable[[str, object], None]
UNTIL_GO = "sh -c 'until test -e go; do sleep 0.05; done; :"
MATRIX = "  j: {matrix: {n: [%s]}, run: \"sh -c 'echo $$ >> ran-$PEXEC_JOB; sleep 0.4; : %s'\"}\n"


def jobs(number: int, mark: str) -> str:
    return MATRIX % (", ".join(map(str, range(number))), mark)


def start(pexec: Pexec, workflows: str, head: str = PAIR) -> subprocess.Popen[bytes]:
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


def all_end(pids: Iterable[int]) -> bool:
    return wait_until(lambda: not any(map(is_alive, pids)), 10)


def moments(full: bool) -> range:
    return range(20 if full else 3)


def test_a_worker_that_is_killed_loses_its_attempts_which_are_made_again(
    pexec: Pexec, full: bool, figure: Figure
) -> None:
    slowest = 0.0
    for number in moments(full):
        mark = new_mark()
        run = start(pexec, jobs(12, mark))
        time.sleep(random.Random(number).uniform(0, 0.5))
        worker = workers_of(run.pid)[0]
        below = {pid for pid in marked(mark) if is_below(pid, worker)}
        began = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        assert all_end(below)
        slowest = max(slowest, time.monotonic() - began)
        _, stderr = run.communicate(timeout=60)
        assert run.returncode == 0, stderr.decode()
        done = verified(pexec)
        no_overlap(done)
        (left,) = done.named("worker.left")
        assert (left["why"], len(done.named("worker.joined"))) in (("its process ended", 2), ("its process ended", 3))
        lost = done.named("attempt.finished", verdict="lost")
        assert {event["reason"] for event in lost} <= {f"the worker on {left['host']} is gone"}
        assert survivors(mark, 0) == set()
    figure("longest from the kill of a worker to the end of its jobs", f"{slowest:.2f} s")


def a_worker_with_attempts(pexec: int, mark: str) -> tuple[int, set[int]]:
    """A worker, and the processes of its attempts."""
    for worker in workers_of(pexec):
        below = {pid for pid in marked(mark) if is_below(pid, worker)}
        if below:
            return worker, below
    raise AssertionError("no worker has attempts")


def is_below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            return False
        if pid == ancestor:
            return True
    return False


def test_a_worker_and_its_warden_killed_together_leave_nothing_and_no_attempts_overlap(pexec: Pexec) -> None:
    mark = new_mark()
    run = start(pexec, f"  a: {{matrix: {{n: [1, 2]}}, run: \"sh -c 'sleep 1; : {mark}'\"}}\n")
    assert wait_until(lambda: len(marked(mark)) >= 2)
    for worker in workers_of(run.pid):
        wardens = wardens_below(worker)
        for pid in (*wardens, worker):
            os.kill(pid, signal.SIGKILL)
    assert run.wait(60) == 0
    done = verified(pexec)
    no_overlap(done)
    assert survivors(mark, 0) == set()
    assert len(done.named("attempt.finished", verdict="lost")) == 2


def test_all_attempts_on_a_worker_end_within_two_seconds_of_the_kill_of_pexec_and_a_resume_at_home_completes_the_run(
    pexec: Pexec, full: bool, figure: Figure
) -> None:
    slowest = 0.0
    for number in moments(full):
        mark = new_mark()
        run = start(pexec, jobs(10, mark))
        time.sleep(random.Random(number).uniform(0, 0.8))
        workers = workers_of(run.pid)
        began = time.monotonic()
        end(run, signal.SIGKILL)
        assert survivors(mark, 10) == set()
        slowest = max(slowest, time.monotonic() - began)
        assert all_end(workers)
        before = verified(pexec)
        succeeded = {event["job"] for event in before.named("job.finished", status="succeeded")}
        assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 0
        after = verified(pexec)
        no_overlap(after)
        again = {event["job"] for event in after.named("attempt.started", worker=None)}
        assert not succeeded & again
    figure("longest from the kill of pexec to the end of all jobs", f"{slowest:.2f} s")


def test_the_kill_of_pexec_ends_the_attempts_of_a_worker_that_is_stopped_and_the_worker_too(
    pexec: Pexec, full: bool, figure: Figure
) -> None:
    slowest = 0.0
    for number in moments(full):
        mark = new_mark()
        run = start(pexec, jobs(10, mark))
        time.sleep(random.Random(number).uniform(0, 0.5))
        workers = workers_of(run.pid)
        for worker in workers[: 1 + number % 2]:
            os.kill(worker, signal.SIGSTOP)
        began = time.monotonic()
        end(run, signal.SIGKILL)
        assert survivors(mark, 10) == set()
        slowest = max(slowest, time.monotonic() - began)
        assert all_end(workers)
        assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 0
        no_overlap(verified(pexec))
    figure("longest from the kill of pexec to the end of all jobs, of stopped workers too", f"{slowest:.2f} s")


def test_the_attempts_of_a_worker_that_is_stopped_end_with_its_lease_and_are_made_again(
    pexec: Pexec, full: bool, figure: Figure
) -> None:
    slowest = 0.0
    for number in moments(full):
        mark = new_mark()
        run = start(pexec, f'  j: {{matrix: {{n: [1, 2]}}, run: "{UNTIL_GO} {mark}\'"}}\n', BRIEF)
        time.sleep(random.Random(number).uniform(0, 1))
        worker, below = a_worker_with_attempts(run.pid, mark)
        began = time.monotonic()
        os.kill(worker, signal.SIGSTOP)
        assert all_end(below)
        slowest = max(slowest, time.monotonic() - began)
        pexec.file("go", "")
        assert run.wait(60) == 0
        (pexec.folder / "go").unlink()
        done = verified(pexec)
        no_overlap(done)
        (left,) = done.named("worker.left")
        assert left["why"] == "nothing was heard of it for 4.2 s"
        lost = done.named("attempt.finished", verdict="lost")
        assert {event["reason"] for event in lost} == {f"the worker on {left['host']} is gone"}
        assert survivors(mark, 0) == set()
        assert not is_alive(worker)
    figure("longest from the stop of a worker to the end of its jobs, with a lease of 2 s", f"{slowest:.2f} s")


def test_a_worker_that_was_killed_while_idle_costs_no_attempt(pexec: Pexec) -> None:
    run = start(
        pexec, "  a: {run: until test -e go; do sleep 0.05; done}\n  b: {run: 'true'}\n  c: {needs: a, run: ':'}\n"
    )
    wait_for_events(pexec, b'"job.finished"', 1, run)
    so_far = last_run(pexec.folder)
    (busy,) = so_far.named("attempt.started", job="a")
    for event in so_far.named("worker.joined"):
        if event["worker"] != busy["worker"]:
            os.kill(event["pid"], signal.SIGKILL)
    wait_for_events(pexec, b'"worker.joined"', 3, run)
    pexec.file("go", "")
    assert run.wait(60) == 0
    assert verified(pexec).named("attempt.finished", verdict="lost") == []


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
    assert "error[PX311]: not one job can be started: ImportError: this copy is broken\n" in said.stderr
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
