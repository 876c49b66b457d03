"""Calls of functions on workers: each worker is called alone, for one that is stopped never answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from orchestrator.cluster.hello import WorkerHello

CALL_SECONDS = 5.0  # for a call of a worker, which may be stopped


class WorkerCalls:
    """To the workers of the run with this topic. `client` is that of Dask, once there is one."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self.client: Any = None

    async def try_call(self, hello: WorkerHello, procedure: str, *arguments: Any) -> None:
        """The same as `call`, without a result or an error: the worker may not answer."""
        with suppress(Exception):
            await asyncio.wait_for(self.call(hello, procedure, *arguments), CALL_SECONDS)

    async def call(self, hello: WorkerHello, procedure: str, *arguments: Any) -> Any:
        """Call a function of `worker/remote_procedures.py` on the worker: what it returns."""
        from orchestrator.cluster.worker import remote_procedures

        return await self.call_function(hello, getattr(remote_procedures, procedure), hello.name, *arguments)

    async def call_function(self, hello: WorkerHello, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call any function on the worker, with the topic as its first argument."""
        answers = await self.client.run(function, self._topic, *arguments, workers=[hello.address])
        return answers[hello.address]

    async def run_anywhere(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Have any worker call it, as a task."""
        task = self.client.submit(fn, *args, **kwargs, pure=False, retries=0)
        try:
            return await task
        finally:
            task.release()


def epoch() -> str:
    """A new one for each process that drives a run: a task of another process is never taken for one of this."""
    return os.urandom(6).hex()
