"""A thread that runs an event loop of asyncio, and how other threads make use of it."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from orchestrator.helper_threads import start_thread


class LoopThread:
    """Begins with `start` and ends with `stop`. `spawn` is for the thread itself, the other methods are for others."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._posted: deque[Callable[[], object]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, name: str, begin: Callable[[], object]) -> None:
        """Start the thread, which calls `begin` first. Raises NoThreadError."""
        self._begin = begin
        self._thread = start_thread(name, self._work)

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def post(self, act: Callable[[], object]) -> None:
        """Have the thread call it; several that come close together wake it once."""
        self._posted.append(act)
        self.loop.call_soon_threadsafe(self._drain)

    def run(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Have the thread run it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of the loop, which lives until it has ended."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def stop(self) -> None:
        """Cancel all tasks, and wait for the end of the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _work(self) -> None:
        # Signals are for the main thread, and workers, which inherit this mask, unblock them in their own session.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        asyncio.set_event_loop(self.loop)
        self._begin()
        try:
            self.loop.run_forever()
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()

    def _drain(self) -> None:
        while self._posted:
            self._posted.popleft()()
