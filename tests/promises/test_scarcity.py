"""scarcity: too few descriptors, processes or namespaces lower how many jobs run at once; they never fail
one, and each is reported once."""

from __future__ import annotations

import os
import resource
import subprocess

import pytest
from support.cli import Pexec
from support.host import threads_of
from support.runs import Run, last_run


def apply_under(
    pexec: Pexec, kind: int, limit: int, *arguments: str, timeout: float = 120
) -> subprocess.CompletedProcess[bytes]:
    """`pexec apply` under a resource limit."""
    flag = f"--{'nofile' if kind == resource.RLIMIT_NOFILE else 'nproc'}={limit}"
    command = ["prlimit", flag, *pexec.program, "apply", *arguments]
    process = pexec.start_as(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stdout, stderr = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess([], process.returncode, stdout, stderr)


def check_report(run: Run, stderr: bytes, why: str, jobs: int = 40) -> None:
    """The shortage is an event, a line and a field of the results, once."""
    what = f"running {jobs} jobs at once"
    found = [(event["what"], event["why"]) for event in run.named("degraded") if event["why"] == why]
    assert found == [(what, why)], run.named("degraded")
    assert run.results["degraded"].count({"what": what, "why": why}) == 1
    assert stderr.decode().count(f"warning: {what}: {why}\n") == 1


@pytest.mark.parametrize("output", ["quiet", "plain"])
@pytest.mark.parametrize("limits", ["", ", limits: {memory: 1GiB}"], ids=["spawned", "forked"])
def test_with_few_descriptors_fewer_jobs_run_at_once_and_none_fails(pexec: Pexec, output: str, limits: str) -> None:
    jobs = "".join(f"  j{n}: {{run: 'echo {n}; sleep 1'{limits}}}\n" for n in range(80))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 70}}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{jobs}"
    done = apply_under(pexec.file("pexec.yaml", text), resource.RLIMIT_NOFILE, 64, "--output", output)
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    assert set(run.statuses.values()) == {"succeeded"}
    assert [run.log(f"j{n}") for n in range(80)] == [b"%d\n" % n for n in range(80)]
    assert len(run.named("attempt.finished")) == 80, "nothing was retried"
    check_report(run, done.stderr, "a process may open only 64 files (`ulimit -n`)", jobs=70)


@pytest.mark.parametrize("run_as", ["ordinary"])  # root can have any number of processes
def test_with_few_processes_fewer_jobs_run_at_once_and_none_fails(pexec: Pexec) -> None:
    jobs = "".join(f"  j{n}: {{argv: [sleep, '0.1']}}\n" for n in range(60))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 40}}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{jobs}"
    room = threads_of(pexec.identity.get("user", os.geteuid())) + 25
    done = apply_under(pexec.file("pexec.yaml", text), resource.RLIMIT_NPROC, room, "--output", "quiet")
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    assert set(run.statuses.values()) == {"succeeded"}
    assert len(run.named("attempt.finished")) == 60
    check_report(run, done.stderr, "no more processes can be started")


@pytest.mark.parametrize("run_as", ["root"])  # who may set the limit
@pytest.mark.parametrize("isolation", ["process", "sandbox"])
def test_with_few_namespaces_fewer_isolated_jobs_run_at_once_and_none_fails(pexec: Pexec, isolation: str) -> None:
    jobs = "".join(f"  j{n}: {{run: 'sleep 0.3'}}\n" for n in range(12))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 40}}\ndefaults: {{isolation: {isolation}}}\nworkflows:\n{jobs}"
    pexec.file("pexec.yaml", text)
    limit = 'for kind in pid mnt ipc net; do echo 4 > /proc/sys/user/max_${kind}_namespaces; done; exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no limits on namespaces")
    process = pexec.start_as([*command, *pexec.program, "apply", "--output", "quiet"], stderr=subprocess.PIPE)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()
    run = last_run(pexec.folder).check()
    assert set(run.statuses.values()) == {"succeeded"}
    assert len(run.named("attempt.finished")) == 12
    assert run.most_at_once() >= 1
    check_report(run, stderr, "no more namespaces can be made")


def test_nothing_is_reported_where_there_is_enough(pexec: Pexec) -> None:
    jobs = "".join(f"  j{n}: {{run: 'echo {n}'}}\n" for n in range(20))
    said = pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{jobs}").run("apply", "--output", "quiet")
    assert "warning" not in said.stderr
    assert last_run(pexec.folder).results["degraded"] == []
