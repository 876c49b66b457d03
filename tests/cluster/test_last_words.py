"""The end of a run on workers that do not answer: their lease is waited for, and their hosts are named."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.attempts import new_mark, survivors
from support.cli import Pexec
from support.clusters import manifest, verified, wait_for_events
from support.dask_clusters import DaskCluster, dask_cluster

from orchestrator.cluster import cluster_thread
from orchestrator.cluster.attempt_files import AttemptFiles
from orchestrator.cluster.cluster_thread import ClusterThread
from orchestrator.cluster.deployments.deployment import Deployment, Events
from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.last_words import why_unconfirmed
from orchestrator.cluster.reports import Reports
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptSpec, Place
from orchestrator.plan.model import JobSpec
from orchestrator.plan.policy_parts import ClusterPolicy

pytestmark = pytest.mark.faults
HOST = socket.gethostname()


def started(pexec: Pexec, cluster: DaskCluster, mark: str, lease: str) -> subprocess.Popen[bytes]:
    """A run of two jobs that ignore TERM, each on a worker of its own."""
    head = f'policy: {{cluster: lab}}\nclusters: {{lab: {{address: "{cluster.address}", lease: {lease}}}}}\n'
    body = f"trap true TERM; while true; do sleep 0.1; done; : {mark}"
    job = f"  a: {{matrix: {{n: [1, 2]}}, run: '{body}', grace: 200ms}}\n"
    pexec.file("pexec.yaml", manifest(job, head))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"attempt.spawned"', 2, run)
    return run


def interrupted(run: subprocess.Popen[bytes]) -> str:
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 130, stderr
    return stderr.decode()


def test_a_stop_names_the_host_of_a_worker_that_does_not_answer(pexec: Pexec, tmp_path: Path) -> None:
    mark = new_mark()
    with dask_cluster(tmp_path / "dask") as cluster:
        for _ in range(2):
            cluster.worker("--no-nanny", "--nthreads", "1")
        run = started(pexec, cluster, mark, "2s")
        stopped = cluster.workers[0].pid
        os.kill(stopped, signal.SIGSTOP)
        try:
            said = interrupted(run)
            assert survivors(mark, 0) == set()
        finally:
            os.kill(stopped, signal.SIGCONT)
    why = f"{HOST} did not confirm it: what ran there ends with its lease of 2s"
    assert f"warning: the end of all jobs: {why}\n" in said
    assert f"pexec: waiting up to 3s for the worker on {HOST}, which does not answer\n" in said
    done = verified(pexec)
    assert {"what": "the end of all jobs", "why": why}.items() <= done.named("degraded")[-1].items()
    assert {event["verdict"] for event in done.named("attempt.finished")} == {"killed", "lost"}


def test_a_stop_of_workers_that_answer_names_nobody(pexec: Pexec, tmp_path: Path) -> None:
    mark = new_mark()
    with dask_cluster(tmp_path / "dask") as cluster:
        cluster.worker("--no-nanny")
        said = interrupted(started(pexec, cluster, mark, "20s"))
    assert survivors(mark, 0) == set()
    assert "answer" not in said
    assert "confirm" not in said


class Silent:
    """A deployment with one worker, on another machine, and its client: what the worker is asked it never answers."""

    why_none = ""

    async def open(self, events: Events) -> Any:
        self.events = events
        asyncio.get_running_loop().call_soon(events.appeared, "tls://node-7:1")
        return self

    def subscribe_topic(self, topic: str, handler: Any) -> None: ...

    def submit(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(exception=asyncio.Event().wait, cancel=self.close, release=lambda: None)

    async def run(self, *_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    async def greet(self, client: Any, address: str) -> WorkerHello:
        return WorkerHello("w1", "identity", address, "node-7", 1, 1, "boot", "pid:[1]", 1, 1, 1, 0.0, False)

    def give_up(self, hello: WorkerHello) -> None:
        self.events.gone(hello.name, "it is silent")

    async def end_workers(self) -> list[WorkerHello]:
        return [await self.greet(None, "tls://node-7:1")]

    async def wait_for_end(self, name: str, hello: WorkerHello | None) -> bool:
        return hello is None

    async def close(self) -> None: ...


SPEC = AttemptSpec(
    *(0, "a", 1, 1, JobSpec(), {}, "/", "/run", "/log", "log", "/tmp", None, 0.0), place=Place("node-7", "w1")
)


@pytest.mark.parametrize(("lease", "has_job"), [(0.2, True), (50.0, True), (50.0, False)])
def test_at_the_end_a_silent_worker_that_runs_something_is_waited_for_no_longer_than_its_lease_and_is_named(
    monkeypatch: pytest.MonkeyPatch, lease: float, has_job: bool
) -> None:
    monkeypatch.setattr(cluster_thread, "_LONGEST_WAIT", 0.2)
    monkeypatch.setattr(cluster_thread, "_MORE_SECONDS", 3.0)
    joined = threading.Event()

    def ignored(*_: object) -> None: ...

    reports = Reports(lambda hello: joined.set(), ignored, ignored, ignored, ignored, ignored, ignored)
    thread = ClusterThread(
        cast(Deployment, Silent()), "topic", lease, reports, AttemptFiles(ClusterPolicy("c"), "/run")
    )
    assert joined.wait(30)
    future = thread.submit(SPEC) if has_job else None
    assert thread.close() == ["node-7"] * has_job
    assert future is None or future.result(0).verdict is Verdict.LOST
    assert thread.close() == []


def test_several_hosts_are_one_sentence() -> None:
    assert why_unconfirmed(["a", "b", "c"], 20.0).startswith("a, b and c did not confirm it: ")
