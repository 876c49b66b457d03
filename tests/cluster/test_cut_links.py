"""Workers on other hosts, as namespaces of this machine are: links that are cut and healed, workers that are stopped.

Attempts write time stamps while they live: those of two attempts of a job never mix. This kernel's clock is the one
clock of all these hosts, and no process can be seen from another host.

`pytest --full` cuts a link twenty times instead of once.
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
from support.attempts import wait_until, wardens_below
from support.cli import Pexec
from support.clusters import journal, manifest, no_overlap, verified, wait_for_events
from support.dask_clusters import DaskCluster, dask_cluster
from support.network_hosts import HERE, NetworkHost, can_make_hosts
from support.runs import Run, last_run
from support.strikes import Figure, moments, report

from orchestrator.execute.warden.processes import children

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not can_make_hosts(), reason="network namespaces and bridges cannot be made here"),
]
LEASE = 3
STAMPS, FEW_STAMPS = 80, 10
# Of two attempts of a job that live at once, the second cannot lock its file.
JOB = (
    "exec 9>lock-$PEXEC_JOB; flock -n 9 || touch overlap; i=0; n=%d; "
    f"test $PEXEC_ATTEMPT = 1 || n={FEW_STAMPS}; "
    "while test $i -lt $n; do date +%%s.%%N >> stamps-$PEXEC_JOB-$PEXEC_ATTEMPT; sleep 0.1; i=$((i+1)); done"
)
LONG, BRIEF = JOB % STAMPS, JOB % (STAMPS // 2)  # a first attempt outlives a lease, or half of one


@pytest.fixture
def cluster(tmp_path: Path, hosts: list[NetworkHost]) -> Iterator[DaskCluster]:
    """A worker on each host."""
    with dask_cluster(tmp_path / "dask", host=HERE) as cluster:
        for host in hosts:
            cluster.worker("--host", host.address, below=host.below)
        yield cluster


def start(pexec: Pexec, cluster: DaskCluster, job: str = LONG) -> subprocess.Popen[bytes]:
    """A job on one of the hosts; the other has room for it."""
    keys = f'address: "{cluster.address}", insecure: true, lease: {LEASE}s'
    head = f"policy: {{cluster: lab}}\nclusters: {{lab: {{{keys}}}}}\n"
    pexec.file("pexec.yaml", manifest(f"  j: {{run: '{job}'}}\n", head))
    before = journal(pexec)
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    assert wait_until(lambda: journal(pexec) != before, 60)
    wait_for_events(pexec, b'"worker.joined"', 2, run)
    assert wait_until(lambda: (pexec.folder / "stamps-j-1").exists())
    return run


def stamps(pexec: Pexec, attempt: int) -> list[float]:
    return [float(line) for line in (pexec.folder / f"stamps-j-{attempt}").read_text().split()]


def ended(pexec: Pexec, run: subprocess.Popen[bytes]) -> Run:
    _, stderr = run.communicate(timeout=180)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    no_overlap(done)
    assert not (pexec.folder / "overlap").exists()
    return done


def host_of_the_job(pexec: Pexec) -> int:
    """The index of the host on which its first attempt runs."""
    (event,) = last_run(pexec.folder).named("attempt.started")
    return int(event["host"].rpartition("-")[2]) - 1


def test_attempts_behind_a_cut_link_end_with_the_lease_before_others_begin(
    pexec: Pexec, hosts: list[NetworkHost], cluster: DaskCluster, full: bool, figure: Figure
) -> None:
    last, next_ = [], []
    for number in moments(full, 1):
        run = start(pexec, cluster)
        time.sleep(random.Random(number).uniform(0, 0.5))
        host = hosts[host_of_the_job(pexec)]
        cut_at = time.time()
        host.cut()
        wait_for_events(pexec, b'"worker.left"', 1, run)
        host.heal()
        done = ended(pexec, run)
        (left,) = done.named("worker.left")
        assert left["why"] == "nothing was heard from it for 5.3 s"
        first, second = stamps(pexec, 1), stamps(pexec, 2)
        assert len(first) < STAMPS
        assert max(first) < min(second)
        assert len(done.named("attempt.finished", verdict="lost")) == 1
        last.append(max(first) - cut_at)
        next_.append(min(second) - cut_at)
        for file in pexec.folder.glob("stamps-*"):
            file.unlink()
    report(figure, "kill of the link to a host (lease 3 s): to its jobs dead", last)
    report(figure, "kill of the link to a host (lease 3 s): to the next attempt of a lost one", next_)


def test_a_success_behind_a_cut_link_is_noted_when_it_is_heard_of_after_its_attempt_was_called_lost(
    pexec: Pexec, hosts: list[NetworkHost], cluster: DaskCluster
) -> None:
    ends = "test $PEXEC_ATTEMPT = 1 || until test -e go; do sleep 0.1; done; touch stamps-j-$PEXEC_ATTEMPT; sleep 1.5"
    run = start(pexec, cluster, ends)
    host = hosts[host_of_the_job(pexec)]
    host.cut()
    wait_for_events(pexec, b'"worker.left"', 1, run)
    host.heal()
    wait_for_events(pexec, b'"attempt.late"', 1, run)
    pexec.file("go", "")
    done = ended(pexec, run)
    (late,) = done.named("attempt.late")
    assert (late["job"], late["attempt"], late["verdict"], late["exit_code"]) == ("j", 1, "succeeded", 0)
    (left,) = done.named("worker.left")
    assert (late["host"], late["worker"]) == (left["host"], left["worker"])
    assert "succeeded after it was called lost" in (done.path / "execution_report.md").read_text()


def test_a_link_that_heals_within_half_a_lease_costs_nothing(
    pexec: Pexec, hosts: list[NetworkHost], cluster: DaskCluster
) -> None:
    run = start(pexec, cluster, BRIEF)
    host = hosts[host_of_the_job(pexec)]
    host.cut()
    time.sleep(0.5)
    host.heal()
    done = ended(pexec, run)
    assert done.named("worker.left") == []
    assert done.named("attempt.finished", verdict="lost") == []


def test_attempts_below_a_stopped_worker_of_another_host_end_with_the_lease_before_others_begin(
    pexec: Pexec, hosts: list[NetworkHost], cluster: DaskCluster, figure: Figure
) -> None:
    run = start(pexec, cluster)
    stopped = workers_below(cluster.workers[host_of_the_job(pexec)].pid)
    stopped_at = time.time()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    wait_for_events(pexec, b'"worker.left"', 1, run)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    ended(pexec, run)
    first, second = stamps(pexec, 1), stamps(pexec, 2)
    assert len(first) < STAMPS
    assert max(first) < min(second)
    figure("stopped worker elsewhere, lease 3 s: last sign", f"{max(first) - stopped_at:.1f} s after the stop")
    figure("stopped worker elsewhere, lease 3 s: next attempt", f"{min(second) - stopped_at:.1f} s after the stop")


def test_a_client_that_is_killed_leaves_nothing_on_other_hosts_and_is_resumed_without_overlap(
    pexec: Pexec, hosts: list[NetworkHost], cluster: DaskCluster, figure: Figure
) -> None:
    run = start(pexec, cluster)
    host = hosts[host_of_the_job(pexec)]
    host.cut()  # the end of this connection is not seen there
    killed_at = time.time()
    run.kill()
    run.wait(60)
    said = pexec.run("resume", "--output", "quiet")
    host.heal()
    assert said.exit_code == 0, said.stderr
    assert "pexec: waiting 5.3s until what ran on " in said.stderr
    no_overlap(verified(pexec))
    assert not (pexec.folder / "overlap").exists()
    last = max(stamps(pexec, 1))
    assert last < min(stamps(pexec, 2))
    figure("killed client and a cut link, lease 3 s: last sign", f"{last - killed_at:.1f} s after the kill")


def workers_below(pid: int) -> list[int]:
    """The processes that have a warden, below a command that runs on a host: no nanny has one."""
    found, stack = [], [pid]
    while stack:
        pid = stack.pop()
        below = children(pid)
        stack += below
        if wardens_below(pid):
            found.append(pid)
    assert found
    return found
