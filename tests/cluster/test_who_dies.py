"""Who of a run on workers may die, at any moment: no job outlives it, none runs twice at once, and the run goes on or
is resumed at home without repeating a success.

`pytest --full` strikes at twenty moments instead of one, and reports the times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.attempts import marked, new_mark, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.clusters import (
    BRIEF,
    PAIR,
    attempts_below,
    end,
    is_alive,
    journal,
    no_overlap,
    start,
    verified,
    wait_for_events,
    workers_of,
)
from support.runs import last_run
from support.strikes import Figure, moments, report, starts_after

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
MANY, FEW = 16, 4
# Of two attempts of a job that live at once, the second cannot lock its file.
JOB = "exec 9>lock-$PEXEC_JOB; flock -n 9 || touch overlap; echo $PEXEC_ATTEMPT >> ran-$PEXEC_JOB; sleep"
MATRIX = "  j: {matrix: {n: [%s]}, run: \"sh -c '%s %s; : %s'\"}\n"


def jobs(mark: str, number: int = MANY) -> str:
    """Many that take half a second, or a few that take longer than a lease."""
    return MATRIX % (", ".join(map(str, range(number))), JOB, 0.5 if number == MANY else 3, mark)


def all_end(pids: Iterable[int]) -> bool:
    return wait_until(lambda: not any(map(is_alive, pids)))


def worker_dies(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)


def warden_dies(worker: int) -> None:
    for warden in wardens_below(worker):
        os.kill(warden, signal.SIGKILL)


def both_die(worker: int) -> None:
    os.kill(worker, signal.SIGSTOP)  # so that it cannot end what its warden leaves
    for pid in (*wardens_below(worker), worker):
        os.kill(pid, signal.SIGKILL)


def worker_stops(worker: int) -> None:
    os.kill(worker, signal.SIGSTOP)


# Strike, the settings of the cluster, the number of jobs, whether the worker is replaced by another.
OF_A_WORKER = {
    "the worker": (worker_dies, PAIR, MANY, True),
    "its warden": (warden_dies, PAIR, MANY, False),
    "the worker and its warden": (both_die, PAIR, FEW, True),
    "nobody, but the worker is stopped (lease 2 s)": (worker_stops, BRIEF, FEW, True),
}


@pytest.mark.parametrize("who", OF_A_WORKER)
def test_the_attempts_of_a_worker_end_with_it_and_are_made_again(
    pexec: Pexec, full: bool, figure: Figure, who: str
) -> None:
    strike, head, size, is_replaced = OF_A_WORKER[who]
    dead, again = [], []
    for number in moments(full, 1):
        mark = new_mark()
        run = start(pexec, jobs(mark, size), head)
        time.sleep(random.Random(number).uniform(0, 0.5))
        worker, below = attempts_below(run.pid, mark)
        struck_at, began = time.time(), time.monotonic()
        strike(worker)
        assert all_end(below)
        dead.append(time.monotonic() - began)
        _, stderr = run.communicate(timeout=120)
        assert run.returncode == 0, stderr.decode()
        done = verified(pexec)
        no_overlap(done)
        again += starts_after(done, struck_at)
        assert len(done.named("worker.left")) == is_replaced
        assert survivors(mark, 0) == set()
        assert not is_alive(worker)
        tidy(pexec.folder, size)
    report(figure, f"kill of {who}: to its jobs dead", dead)
    report(figure, f"kill of {who}: to the next attempt of a lost one", again)


def test_a_worker_that_is_told_to_end_evicts_its_jobs_which_costs_them_no_retry(pexec: Pexec) -> None:
    mark = new_mark()
    run = start(
        pexec,
        f"  a: {{matrix: {{n: [1, 2, 3, 4]}}, run: \"sh -c 'test $PEXEC_ATTEMPT -gt 1 || sleep 60; : {mark}'\"}}\n",
        PAIR,
    )
    assert wait_until(lambda: len(marked(mark)) >= FEW)
    for worker in workers_of(run.pid):
        os.kill(worker, signal.SIGTERM)
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    no_overlap(done)
    ends = done.named("attempt.finished", verdict="lost")
    host = done.jobs["a[n=1]"]["host"]
    assert {(event["reason"], event["evicted"]) for event in ends} == {
        (f"evicted: the worker on {host} was told to end", True)
    }
    assert {event["why"] for event in done.named("worker.left")} == {"it was told to end"}
    assert survivors(mark, 0) == set()


def pexec_dies(run: subprocess.Popen[bytes], number: int) -> None:
    end(run, signal.SIGKILL)


def pexec_dies_with_a_stopped_worker(run: subprocess.Popen[bytes], number: int) -> None:
    for worker in workers_of(run.pid)[: 1 + number % 2]:
        os.kill(worker, signal.SIGSTOP)
    end(run, signal.SIGKILL)


OF_PEXEC = {"pexec": pexec_dies, "pexec, with a worker that is stopped": pexec_dies_with_a_stopped_worker}


@pytest.mark.parametrize("who", OF_PEXEC)
def test_all_attempts_and_workers_end_with_pexec_and_a_resume_at_home_repeats_no_success(
    pexec: Pexec, full: bool, figure: Figure, who: str
) -> None:
    dead = []
    for number in moments(full, 1):
        mark = new_mark()
        run = start(pexec, jobs(mark))
        time.sleep(random.Random(number).uniform(0, 0.8))
        workers = workers_of(run.pid)
        began = time.monotonic()
        OF_PEXEC[who](run, number)
        assert survivors(mark, 60) == set()
        dead.append(time.monotonic() - began)
        assert all_end(workers)
        before = verified(pexec)
        succeeded = {event["job"] for event in before.named("job.finished", status="succeeded")}
        assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 0
        after = verified(pexec)
        no_overlap(after)
        again = {event["job"] for event in after.named("attempt.started", worker=None)}
        assert not succeeded & again
        assert len(after.named("job.finished", status="succeeded")) == MANY
        assert survivors(mark, 0) == set()
        tidy(pexec.folder)
    report(figure, f"kill of {who}: to all jobs dead", dead)


def tidy(folder: Path, size: int = MANY) -> None:
    """What the jobs of one run wrote says that each ran, and that no two attempts lived at once."""
    assert not (folder / "overlap").exists()
    ran = list(folder.glob("ran-*"))
    assert len(ran) == size
    for file in (*ran, *folder.glob("lock-*")):
        file.unlink()


def test_a_run_whose_pexec_and_workers_die_in_turn_is_completed_without_repeating_a_success(pexec: Pexec) -> None:
    """It is resumed on the cluster, where workers have the names of old ones."""
    mark = new_mark()
    run = start(pexec, jobs(mark))
    wait_for_events(pexec, b'"job.finished"', 2, run)
    end(run, signal.SIGKILL)
    assert survivors(mark, 10) == set()
    path = journal(pexec)
    assert path is not None
    joined = path.read_bytes().count(b'"worker.joined"')
    run = pexec.start("resume", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"worker.joined"', joined + 1, run)
    wait_until(lambda: bool(marked(mark)) or run.poll() is not None)
    for worker in workers_of(run.pid)[:1]:
        os.kill(worker, signal.SIGKILL)
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    no_overlap(done)
    assert last_run(pexec.folder).path == done.path
    ends = [event["job"] for event in done.named("attempt.finished", verdict="succeeded")]
    assert sorted(ends) == sorted(set(ends))
    tidy(pexec.folder)
