"""Words to workers: each is asked alone, for one that is stopped never answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from orchestrator.cluster.hello import WorkerHello

WORD_SECONDS = 5.0  # for a word to a worker, which may be stopped


class Words:
    """To the workers of the run with this topic. `client` is that of Dask, once there is one."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self.client: Any = None

    async def tell(self, hello: WorkerHello, function: str, *arguments: Any) -> None:
        """Have the worker call a function of `worker.words`, if it answers."""
        with suppress(Exception):
            await asyncio.wait_for(self.ask(hello, function, *arguments), WORD_SECONDS)

    async def ask(self, hello: WorkerHello, function: str, *arguments: Any) -> Any:
        """Have the worker call a function of `worker.words`: what that returns."""
        from orchestrator.cluster.worker import words

        return await self.asked(hello, getattr(words, function), hello.name, *arguments)

    async def asked(self, hello: WorkerHello, function: Callable[..., Any], *arguments: Any) -> Any:
        """Have the worker call any function, with the topic first."""
        answers = await self.client.run(function, self._topic, *arguments, workers=[hello.address])
        return answers[hello.address]

    async def called(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Have any worker call it, as a task."""
        task = self.client.submit(fn, *args, **kwargs, pure=False, retries=0)
        try:
            return await task
        finally:
            task.release()


def epoch() -> str:
    """A new one for each process that drives a run: a task of another process is never taken for one of this."""
    return os.urandom(6).hex()
