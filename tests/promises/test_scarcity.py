"""scarcity: too few descriptors or processes lower how many jobs run at once; they never fail one."""

from __future__ import annotations

import os
import resource
import subprocess

import pytest
from support.cli import Pexec
from support.host import threads_of
from support.runs import last_run


def apply_under(
    pexec: Pexec, kind: int, limit: int, *arguments: str, timeout: float = 120
) -> subprocess.CompletedProcess[bytes]:
    """`pexec apply` under a resource limit."""
    flag = f"--{'nofile' if kind == resource.RLIMIT_NOFILE else 'nproc'}={limit}"
    command = ["prlimit", flag, *pexec.program, "apply", *arguments]
    process = pexec.start_as(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stdout, stderr = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess([], process.returncode, stdout, stderr)


@pytest.mark.parametrize("output", ["quiet", "plain"])
@pytest.mark.parametrize("limits", ["", ", limits: {memory: 1GiB}"], ids=["spawned", "forked"])
def test_with_few_descriptors_fewer_jobs_run_at_once_and_none_fails(pexec: Pexec, output: str, limits: str) -> None:
    jobs = "".join(f"  j{n}: {{run: 'echo {n}; sleep 0.2'{limits}}}\n" for n in range(80))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 40}}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{jobs}"
    done = apply_under(pexec.file("pexec.yaml", text), resource.RLIMIT_NOFILE, 64, "--output", output)
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    assert set(run.statuses.values()) == {"succeeded"}
    assert [run.log(f"j{n}") for n in range(80)] == [b"%d\n" % n for n in range(80)]
    assert len(run.named("attempt.finished")) == 80, "nothing was retried"


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
