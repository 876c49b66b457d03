"""Workers behind a link on which everything takes its time."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import Pexec
from support.clusters import manifest, verified
from support.dask_clusters import certificates, dask_cluster
from support.slow_links import slow_link

DELAY = 0.2  # seconds, in each direction
LEASE = 3


@pytest.mark.faults
def test_jobs_run_behind_a_slow_link_and_no_attempt_is_lost(pexec: Pexec, tmp_path: Path) -> None:
    tls = certificates(tmp_path / "tls")
    with dask_cluster(tmp_path / "dask", tls) as cluster:
        cluster.worker("--no-nanny", threads=4)
        with slow_link(int(cluster.address.rpartition(":")[2]), DELAY) as port:
            keys = f"tls: {{ca: {tls['ca-file']}, cert: {tls['cert']}, key: {tls['key']}}}, lease: {LEASE}s"
            head = f'policy: {{cluster: lab}}\nclusters: {{lab: {{address: "tls://127.0.0.1:{port}", {keys}}}}}\n'
            jobs = (
                f"  long: {{run: sleep {2 * LEASE}}}\n"  # outlives its lease if no beat arrives
                "  short: {matrix: {n: [1, 2, 3, 4, 5, 6, 7, 8]}, run: 'echo value=$N >> $PEXEC_OUTPUT_FILE',"
                " env: {N: '${{ matrix.n }}'}, outputs: {value: {}}}\n"
            )
            said = pexec.file("pexec.yaml", manifest(jobs, head)).run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    run = verified(pexec)
    assert {event["verdict"] for event in run.named("attempt.finished")} == {"succeeded"}
    assert run.named("attempt.late") == []
    assert [run.jobs[f"short[n={n}]"]["outputs"]["value"]["value"] for n in (1, 8)] == ["1", "8"]
