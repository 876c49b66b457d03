"""Words to workers: each is asked alone, for one that is stopped never answers."""

from __future__ import annotations

import asyncio
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

    async def tell(self, address: str, function: str, *arguments: Any) -> None:
        """Have the worker there call a function of its service, if it answers."""
        from orchestrator.cluster.worker import worker_service

        with suppress(Exception):
            called = self.client.run(getattr(worker_service, function), self._topic, *arguments, workers=[address])
            await asyncio.wait_for(called, WORD_SECONDS)

    async def ask(self, hello: WorkerHello, function: str, *arguments: Any) -> float:
        """Have the worker call a function of its service that returns a token."""
        from orchestrator.cluster.worker import worker_service

        token: float = await self.asked(hello, getattr(worker_service, function), *arguments)
        return token

    async def asked(self, hello: WorkerHello, function: Callable[..., Any], *arguments: Any) -> Any:
        """Have the worker call any function, with the topic first."""
        answers = await self.client.run(function, self._topic, *arguments, workers=[hello.address])
        return answers[hello.address]
