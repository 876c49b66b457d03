"""Workers on other hosts by SSH, as namespaces of this machine are: links that are cut, hosts that are gone for ever.

No process can be seen from another host, and no server forwards a port.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import marked, new_mark, wait_until, wardens_below
from support.cli import Pexec
from support.clusters import is_alive, manifest, no_overlap, verified, wait_for_events
from support.network_hosts import NetworkHost, can_make_hosts
from support.runs import last_run
from support.sshd import Sshd, missing, sshd

from orchestrator.execute.warden.processes import children

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not can_make_hosts(), reason="network namespaces and bridges cannot be made here"),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]
LEASE = 3
STAMPS = 80
# Of two attempts of a job that live at once, the second cannot lock its file.
JOB = (
    "exec 9>lock; flock -n 9 || touch overlap; i=0; "
    f"while test $i -lt {STAMPS}; do date +%s.%N >> stamps-$PEXEC_ATTEMPT; sleep 0.1; i=$((i+1)); done"
)


@pytest.fixture
def server(tmp_path: Path, hosts: list[NetworkHost]) -> Iterator[Sshd]:
    """One on each host."""
    with sshd(tmp_path / "ssh") as prepared:
        yield prepared


def begun(
    pexec: Pexec, server: Sshd, hosts: list[NetworkHost], job: str = JOB, more: str = ""
) -> tuple[subprocess.Popen[bytes], list[subprocess.Popen[bytes]]]:
    """A job on one of the hosts, on which all workers have joined; and the servers."""
    servers = [server.start(*host.below, address=host.address) for host in hosts]
    addresses = ", ".join(f'"{host.address}"' for host in hosts)
    ssh = f"hosts: [{addresses}], options: [-F, {server.configuration}], slots: 1"
    head = f"policy: {{cluster: lab}}\nclusters: {{lab: {{ssh: {{{ssh}}}, lease: {LEASE}s{more}}}}}\n"
    pexec.file("pexec.yaml", manifest(f"  j: {{run: '{job}'}}\n", head))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"worker.joined"', len(hosts), run)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    return run, servers


def stamps(pexec: Pexec, attempt: int) -> list[float]:
    return [float(line) for line in (pexec.folder / f"stamps-{attempt}").read_text().split()]


def index_of_the_host_of_the_job(pexec: Pexec) -> int:
    (event,) = last_run(pexec.folder).named("attempt.started")
    return int(event["host"].rpartition("-")[2]) - 1


def test_behind_a_cut_link_jobs_and_later_workers_end_by_themselves_before_others_begin(
    pexec: Pexec, hosts: list[NetworkHost], server: Sshd
) -> None:
    mark = new_mark()
    run, _ = begun(pexec, server, hosts, f"{JOB}; : {mark}")
    assert wait_until(lambda: (pexec.folder / "stamps-1").exists())
    here = marked(mark) - {run.pid}
    hosts[index_of_the_host_of_the_job(pexec)].cut()
    _, stderr = run.communicate(timeout=180)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    no_overlap(done)
    assert not (pexec.folder / "overlap").exists()
    (left,) = done.named("worker.left")
    assert left["why"] == "nothing was heard from it for 5.3 s"
    first, second = stamps(pexec, 1), stamps(pexec, 2)
    assert len(first) < STAMPS
    assert max(first) < min(second)
    assert not here & marked(mark)
    # Nobody tells the worker behind the cut link, and yet it is gone in the end.
    assert wait_until(lambda: list(server.tmp.iterdir()) == [], 60)


def test_what_outlives_pexec_and_the_worker_and_warden_of_a_host_ends_before_a_resume_runs_there(
    pexec: Pexec, hosts: list[NetworkHost], server: Sshd
) -> None:
    mark = new_mark()
    waits = "exec 9>lock; flock -n 9 || touch overlap; test $PEXEC_ATTEMPT = 2 || sleep 600"
    run, (daemon,) = begun(pexec, server, hosts[:1], f"{waits}; : {mark}")
    (worker,) = [pid for pid in below_of(daemon.pid) if wardens_below(pid)]
    below = marked(mark) - {run.pid}
    for pid in (worker, run.pid):
        os.kill(pid, signal.SIGSTOP)  # so that neither can end what the warden leaves
    for pid in (*wardens_below(worker), worker, run.pid):
        os.kill(pid, signal.SIGKILL)
    run.wait(60)
    assert any(map(is_alive, below))
    said = pexec.run("resume", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    assert not any(map(is_alive, below))
    no_overlap(verified(pexec))
    assert not (pexec.folder / "overlap").exists()


def below_of(pid: int) -> list[int]:
    return [below for child in children(pid) for below in (child, *below_of(child))]


def test_a_host_that_is_gone_for_ever_ends_a_run_without_others_after_start_with_the_words_of_ssh(
    pexec: Pexec, hosts: list[NetworkHost], server: Sshd, full: bool
) -> None:
    if not full:
        pytest.skip("waits for long, so that the host can be reached first on any machine: `--full`")
    run, (daemon,) = begun(pexec, server, hosts[:1], more=", workers: {start: 30s}")
    daemon.send_signal(signal.SIGKILL)  # and so all processes of its namespace
    _, stderr = run.communicate(timeout=180)
    assert run.returncode == 5, stderr.decode()
    error = "error[PX311]: no job can be started: there has been no worker for 30s: "
    assert f"{error}`{hosts[0].address}` cannot be reached by ssh: ssh: connect to host" in stderr.decode()
    (lost,) = verified(pexec).named("attempt.finished")
    assert lost["verdict"] == "lost"


def test_a_host_that_does_not_see_the_directory_of_the_manifest_is_named_and_ends_the_run(
    pexec: Pexec, hosts: list[NetworkHost], server: Sshd
) -> None:
    host = hosts[0]
    server.start(*host.below, "sh", "-c", f'mount -t tmpfs none {pexec.folder}; exec "$@"', "sh", address=host.address)
    ssh = f'hosts: ["{host.address}"], options: [-F, {server.configuration}]'
    head = f"policy: {{cluster: lab}}\nclusters: {{lab: {{ssh: {{{ssh}}}}}}}\n"
    said = pexec.file("pexec.yaml", manifest("  j: {run: touch ran}\n", head)).run("apply", "--output", "quiet")
    error = f"error[PX313]: no job can be started: the worker on {host.name} does not see `{pexec.folder}/"
    assert (said.exit_code, said.stderr.startswith(error)) == (5, True), said.stderr
    assert wait_until(lambda: list(server.tmp.iterdir()) == [], 60)
