"""Who of a Dask cluster that pexec did not start may die or be told to end: scheduler, nanny, worker.

`pytest --full` strikes at twenty moments instead of one, at more of them, and reports the times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import marked, new_mark, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.clusters import is_alive, manifest, no_overlap, verified, wait_for_events
from support.dask_clusters import DaskCluster, dask_cluster
from support.runs import Run, last_run
from support.strikes import Figure, moments, report, starts_after

from orchestrator.execute.warden.processes import children

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
# Of two attempts of a job that live at once, the second cannot lock its file.
JOB = (
    "exec 9>lock-$PEXEC_JOB; flock -n 9 || touch overlap; echo $PEXEC_ATTEMPT >> ran-$PEXEC_JOB; "
    "until test -e go; do sleep 0.05; done"
)
JOBS = 2


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path / "dask") as cluster:
        yield cluster


def start(pexec: Pexec, cluster: DaskCluster, mark: str, more: str = "") -> subprocess.Popen[bytes]:
    """Jobs that run until there is a file `go`, each on one of two workers."""
    (pexec.folder / "go").unlink(missing_ok=True)
    before = set(pexec.folder.glob(".pexec/runs/*/events.jsonl"))
    head = f'policy: {{cluster: lab}}\nclusters: {{lab: {{address: "{cluster.address}"{more}}}}}\n'
    jobs = f'  j: {{matrix: {{n: [{", ".join(map(str, range(JOBS)))}]}}, run: "{JOB}; : {mark}"}}\n'
    pexec.file("pexec.yaml", manifest(jobs, head))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    assert wait_until(lambda: set(pexec.folder.glob(".pexec/runs/*/events.jsonl")) > before, 60)
    wait_for_events(pexec, b'"attempt.spawned"', JOBS, run)
    return run


def ended(pexec: Pexec, run: subprocess.Popen[bytes], mark: str) -> Run:
    """Let the jobs end: the run succeeds, no two attempts of a job lived at once, and nothing is left."""
    pexec.file("go", "")
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    no_overlap(done)
    assert not (pexec.folder / "overlap").exists()
    assert len(list(pexec.folder.glob("ran-*"))) == JOBS
    for file in (*pexec.folder.glob("ran-*"), *pexec.folder.glob("lock-*")):
        file.unlink()
    assert survivors(mark, 0) == set()
    return done


def under_way(pexec: Pexec, cluster: DaskCluster, number: int) -> tuple[subprocess.Popen[bytes], str]:
    """A run on two workers, at a moment that depends on the number; and the mark of its jobs."""
    mark = new_mark()
    for _ in range(2):
        cluster.worker()
    run = start(pexec, cluster, mark)
    time.sleep(random.Random(number).uniform(0, 0.3))
    return run, mark


def test_a_run_waits_for_another_scheduler_and_continues_with_workers_that_join_that_one(
    pexec: Pexec, cluster: DaskCluster, full: bool, figure: Figure
) -> None:
    dead = []
    for number in moments(full, 1):
        run, mark = under_way(pexec, cluster, number)
        below = marked(mark)
        began = time.monotonic()
        cluster.kill_scheduler()
        assert wait_until(lambda: not any(map(is_alive, below)), 60)  # noqa: B023
        dead.append(time.monotonic() - began)
        cluster.replace_scheduler()
        for _ in range(2):
            cluster.worker()
        wait_for_events(pexec, b'"attempt.spawned"', 2 * JOBS, run)
        done = ended(pexec, run, mark)
        assert len(done.named("attempt.finished", verdict="lost")) == JOBS
        why = f"the scheduler at {cluster.address} is gone: jobs wait for another one there"
        assert [event["why"] for event in done.named("degraded", what="the cluster")] == [why]
        assert done.named("worker.left")
        end_workers(cluster)
    report(figure, "kill of an external scheduler: to all jobs dead", dead)


def busy(cluster: DaskCluster, mark: str) -> int:
    """The pid of a `dask worker` that runs a job: both jobs, if it joined much earlier than the other."""
    return next(worker.pid for worker in cluster.workers if marked(mark) & descendants(worker.pid))


def nanny(pid: int) -> list[int]:
    return [pid]


def worker_below(pid: int) -> list[int]:
    found = [child for child in children(pid) if wardens_below(child)]
    assert len(found) == 1
    return found


def both(pid: int) -> list[int]:
    return nanny(pid) + worker_below(pid)


KILLED = {"nanny": nanny, "the worker below its nanny": worker_below, "nanny and worker": both}


@pytest.mark.parametrize("who", KILLED)
def test_attempts_end_with_a_nanny_or_the_worker_below_it_and_are_made_again(
    pexec: Pexec, cluster: DaskCluster, full: bool, figure: Figure, who: str
) -> None:
    if who != "nanny" and not full:
        pytest.skip("killed with --full")
    dead, again = [], []
    for number in moments(full, 1):
        run, mark = under_way(pexec, cluster, number)
        struck = busy(cluster, mark)
        below = marked(mark) & descendants(struck)
        struck_at, began = time.time(), time.monotonic()
        for pid in KILLED[who](struck):
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not any(map(is_alive, below)), 60)  # noqa: B023
        dead.append(time.monotonic() - began)
        wait_for_events(pexec, b'"attempt.spawned"', JOBS + 1, run)
        done = ended(pexec, run, mark)
        lost = done.named("attempt.finished", verdict="lost")
        assert {event.get("evicted", False) for event in lost} == {False}
        again += starts_after(done, struck_at)
        end_workers(cluster)
    report(figure, f"kill of {who}: to its jobs dead", dead)
    report(figure, f"kill of {who}: to the next attempt of a lost one", again)


def end_workers(cluster: DaskCluster) -> None:
    for worker in cluster.workers:
        worker.kill()
    assert wait_until(lambda: not any(map(is_alive, cluster.pids())), 60)
    cluster.workers.clear()


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for child in children(pid):
        found |= {child} | descendants(child)
    return found


@pytest.mark.parametrize("is_second", [False, True], ids=["its first warden", "a warden that replaced another"])
def test_what_outlives_an_external_worker_and_its_warden_is_ended_before_its_jobs_run_again(
    pexec: Pexec, cluster: DaskCluster, full: bool, is_second: bool
) -> None:
    if not (is_second or full):
        pytest.skip("killed with --full")
    mark = new_mark()
    for _ in range(2):
        cluster.worker("--no-nanny")
    run = start(pexec, cluster, mark)
    pid = busy(cluster, mark)
    if is_second:
        for warden in wardens_below(pid):
            os.kill(warden, signal.SIGKILL)
        wait_for_events(pexec, b'"attempt.spawned"', JOBS + 1, run)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot end what its warden leaves
    for one in (*wardens_below(pid), pid):
        os.kill(one, signal.SIGKILL)
    wait_for_events(pexec, b'"attempt.spawned"', JOBS + (2 if is_second else 1), run)
    ended(pexec, run, mark)


def test_a_resume_ends_what_outlives_pexec_and_an_external_worker_and_a_warden_that_replaced_another(
    pexec: Pexec, cluster: DaskCluster, full: bool
) -> None:
    if not full:
        pytest.skip("killed with --full")
    mark = new_mark()
    pid = cluster.worker("--no-nanny").pid
    # What has left the process tree of its job is known by its tag alone.
    job = f"setsid sh -c 'sleep 600; : {mark}' & until test -e go; do sleep 0.05; done; : {mark}"
    head = f'policy: {{cluster: lab}}\nclusters: {{lab: {{address: "{cluster.address}"}}}}\n'
    pexec.file("pexec.yaml", manifest(f'  j: {{run: "{job}"}}\n', head))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: bool(list(pexec.folder.glob(".pexec/runs/*/events.jsonl"))), 60)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    for warden in wardens_below(pid):
        os.kill(warden, signal.SIGKILL)
    wait_for_events(pexec, b'"attempt.spawned"', 2, run)
    assert wait_until(lambda: len(marked(mark)) >= 2)
    for one in (pid, run.pid):
        os.kill(one, signal.SIGSTOP)  # so that neither can end what the warden leaves
    for one in (*wardens_below(pid), pid, run.pid):
        os.kill(one, signal.SIGKILL)
    run.wait(60)
    assert len(marked(mark)) >= 2
    pexec.file("go", "")
    said = pexec.run("resume", "--cluster", "local", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    verified(pexec)
    assert survivors(mark, 0) == set()


TOLD = {
    "the nanny": ((), nanny),
    "the worker below its nanny": ((), worker_below),
    "both": ((), both),
    "a worker without a nanny": (("--no-nanny",), nanny),
}


@pytest.mark.parametrize("who", TOLD)
def test_the_jobs_of_an_external_worker_that_is_told_to_end_are_evicted(
    pexec: Pexec, cluster: DaskCluster, full: bool, who: str
) -> None:
    if who in ("the worker below its nanny", "both") and not full:
        pytest.skip("told with --full")
    options, whom = TOLD[who]
    mark = new_mark()
    cluster.worker(*options)
    cluster.worker(*options)
    run = start(pexec, cluster, mark)
    for pid in whom(busy(cluster, mark)):
        os.kill(pid, signal.SIGTERM)
    wait_for_events(pexec, b'"attempt.spawned"', JOBS + 1, run)
    done = ended(pexec, run, mark)
    lost = done.named("attempt.finished", verdict="lost")
    assert {event.get("evicted", False) for event in lost} == {True}
    assert {event["why"] for event in done.named("worker.left")} == {"it was told to end"}
    assert last_run(pexec.folder).statuses == dict.fromkeys(done.statuses, "succeeded")


@pytest.mark.parametrize("options", [(), ("--lifetime-restart",)], ids=["ends", "restarts"])
def test_a_worker_whose_lifetime_ends_evicts_its_jobs(
    pexec: Pexec, cluster: DaskCluster, full: bool, options: tuple[str, ...]
) -> None:
    if not full:
        pytest.skip("a lifetime must be longer than pexec takes to start on any machine: `--full`")
    mark = new_mark()
    cluster.worker("--lifetime", "10s", *options)
    cluster.worker("--lifetime", "10s", *options)
    run = start(pexec, cluster, mark)
    if not options:
        cluster.worker()
    wait_for_events(pexec, b'"attempt.spawned"', JOBS + 1, run)
    done = ended(pexec, run, mark)
    lost = done.named("attempt.finished", verdict="lost")
    assert {event.get("evicted", False) for event in lost} == {True}
    assert last_run(pexec.folder).statuses == dict.fromkeys(done.statuses, "succeeded")
