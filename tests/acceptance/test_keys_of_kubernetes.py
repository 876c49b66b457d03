"""Runs whose workers are pods: of a stand-in for the API of Kubernetes, whose pods are processes of this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from support.attempts import new_mark, survivors, wait_until
from support.cli import Pexec
from support.clusters import end, manifest, no_overlap, verified, wait_for_events
from support.kubernetes import StandIn, kubernetes

pytestmark = pytest.mark.faults
HEAD = (
    "policy: {cluster: pods}\nclusters:\n  pods:\n"
    "    kubernetes: {image: me/pexec:1, cpus: 2, memory: 1GiB, namespace: %s, claims: {work: /work},"
    " service_account: builder, node_selector: {disk: ssd}}\n"
    "    workers: {%s}\n    lease: 5s\n"
)


def head(workers: str = "max: 2, start: 2m", namespace: str = "batch") -> str:
    return HEAD % (namespace, workers)


@pytest.fixture
def pods(pexec: Pexec) -> Iterator[StandIn]:
    with kubernetes() as stand_in:
        pexec.env(stand_in.environ())
        yield stand_in


def test_jobs_run_in_pods_and_nothing_stays_in_kubernetes(pods: StandIn, pexec: Pexec) -> None:
    numbers = ", ".join(map(str, range(12)))
    pexec.file("pexec.yaml", manifest(f"  j: {{matrix: {{n: [{numbers}]}}, run: 'echo $PEXEC_JOB'}}\n", head()))
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    done = verified(pexec)
    assert done.log("j[n=7]") == b"j[n=7]\n"
    assert {event["worker"] for event in done.named("attempt.started")} <= {"w1", "w2"}
    assert pods.is_empty()
    created = sorted(plural for plural, _ in pods.created)
    assert created == ["daskclusters", "daskworkergroups", "daskworkergroups", "secrets"]
