"""Workers that go in the moment in which they join, or in which they are given an attempt."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.cluster.attempt_files import AttemptFiles
from orchestrator.cluster.cluster_thread import ClusterThread
from orchestrator.cluster.deployments.deployment import Deployment, Events
from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.reports import Reports
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptSpec, Place
from orchestrator.plan.model import JobSpec
from orchestrator.plan.policy_parts import ClusterPolicy

HELLO = WorkerHello("w1", "identity", "tls://node:1", "node", 1, 1, "boot", "pid:[1]", 1, 1, 1, 0.0, False)
SPEC = AttemptSpec(
    *(0, "a", 1, 1, JobSpec(), {}, "/", "/run", "/log", "log", "/tmp", None, 0.0), place=Place("node", "w1")
)


class Fleeting:
    """A deployment with one worker, which may go right after it has joined, and its client, which may be closed."""

    why_none = ""

    def __init__(self, *, goes: bool) -> None:
        self._goes = goes
        self._is_there = True

    async def open(self, events: Events) -> Any:
        self._events = events
        asyncio.get_running_loop().call_soon(events.appeared, HELLO.address)
        return self

    def subscribe_topic(self, topic: str, handler: Any) -> None: ...

    def submit(self, *_: Any, **__: Any) -> Any:
        if not self._goes:
            raise RuntimeError("the client is closed")
        return SimpleNamespace(exception=asyncio.Event().wait, cancel=self.close, release=lambda: None)

    async def run(self, *_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    async def greet(self, client: Any, address: str) -> WorkerHello:
        if self._goes:
            asyncio.get_running_loop().call_soon(self.give_up, HELLO)
        return HELLO

    def give_up(self, hello: WorkerHello) -> None:
        if self._is_there:
            self._is_there = False
            self._events.gone(hello.name, "it has left")

    async def end_workers(self) -> list[WorkerHello]:
        return []

    async def wait_for_end(self, name: str, hello: WorkerHello | None) -> bool:
        return True

    async def replace(self, name: str, hello: WorkerHello | None) -> None: ...

    async def close(self) -> None: ...


@pytest.mark.parametrize("goes", [True, False])
def test_an_attempt_of_a_worker_that_goes_at_that_moment_is_lost_and_not_awaited_for_ever(goes: bool) -> None:
    joined = threading.Event()

    def ignored(*_: object) -> None: ...

    reports = Reports(lambda hello: joined.set(), ignored, ignored, ignored, ignored, ignored, ignored)
    files = AttemptFiles(ClusterPolicy("c"), "/run")
    thread = ClusterThread(cast(Deployment, Fleeting(goes=goes)), "topic", 50.0, reports, files)
    try:
        assert joined.wait(30)
        result = thread.submit(SPEC).result(30)
        assert (result.verdict, result.reason) == (Verdict.LOST, "the worker on node is gone")
    finally:
        thread.close()
