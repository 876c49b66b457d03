"""`isolation`, `limits` and what requires them on workers of other machines, some of which cannot confine jobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.cli import Pexec
from support.clusters import manifest, verified
from support.dask_clusters import dask_cluster

# A host on which no PID namespace can be made.
BARE = [
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    'echo 0 > /proc/sys/user/max_pid_namespaces; exec "$@"',
    "sh",
]
pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.geteuid() != 0, reason="a host without namespaces can only be made by root"),
]


def head(address: str) -> str:
    cluster = f'address: "{address}", insecure: true, workers: {{start: 2s}}'
    return f"policy: {{cluster: lab, admission: {{min_free_memory: 1MiB}}}}\nclusters: {{lab: {{{cluster}}}}}\n"


def test_a_job_that_requires_isolation_runs_only_where_there_is_some(pexec: Pexec, tmp_path: Path) -> None:
    job = "isolation: process, run: 'readlink /proc/self/ns/pid; sleep 0.1'"
    with dask_cluster(tmp_path / "dask") as cluster:
        cluster.worker("--no-nanny", below=BARE)
        text = manifest(f"  a: {{{job}, require_isolation: true}}\n", head(cluster.address))
        said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
        assert said.exit_code == 5
        assert "error[PX316]: `a` has waited 2s for a worker: it has `require_isolation`, and on " in said.stderr
        assert "jobs with `isolation: process` run without it: namespaces: " in said.stderr
        text = manifest("  a: {isolation: sandbox, reads: declared, inputs: [], run: 'true'}\n", head(cluster.address))
        assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 0
        (note,) = verified(pexec).named("degraded", what="storing the result of `a`")
        assert note["why"].startswith("what it does not declare was not hidden from it: on ")
        cluster.worker("--no-nanny")
        matrix = "matrix: {n: [1, 2, 3, 4, 5, 6]}"
        workflows = f"  a: {{{matrix}, {job}, require_isolation: true}}\n  b: {{{matrix}, {job}}}\n"
        said = pexec.file("pexec.yaml", manifest(workflows, head(cluster.address))).run("apply", "--output", "quiet")
        assert said.exit_code == 0, said.stderr
    run = verified(pexec)
    assert len(run.named("degraded", what="`policy.admission` on workers of other machines")) == 1
    mine = os.readlink("/proc/self/ns/pid").encode()
    assert all(run.log(job) != mine + b"\n" for job in run.jobs if job.startswith("a"))
    assert any(run.log(job) == mine + b"\n" for job in run.jobs if job.startswith("b"))
    (note,) = [note for note in run.named("degraded") if "isolation" in note["what"]]
    assert note["what"].startswith("jobs with `isolation: process` run without it, on ")
