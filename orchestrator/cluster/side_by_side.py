"""Work that is done side by side, a bounded number at once, with results in the order in which it was begun."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

from orchestrator.helper_threads import start_thread

T = TypeVar("T")


class SideBySide(Generic[T]):
    """`most` at once; `ended` is called, by any thread, whenever one has ended. What has begun is not waited for when
    this process ends."""

    def __init__(self, most: int, ended: Callable[[], None]) -> None:
        self._most = most
        self._ended = ended
        self._results: deque[Future[T]] = deque()
        self._waiting: queue.SimpleQueue[tuple[Future[T], Callable[[], T]]] = queue.SimpleQueue()
        self._threads = 0

    def begin(self, work: Callable[[], T]) -> None:
        """As soon as there is room. Raises NoThreadError."""
        result: Future[T] = Future()
        self._results.append(result)
        self._waiting.put((result, work))
        if self._threads < min(self._most, len(self._results)):
            start_thread(f"pexec-side-{self._threads}", self._work)
            self._threads += 1

    def ready(self) -> Iterator[T]:
        """The results of what has ended, up to the first that has not. Raises what that has raised."""
        while self._results and self._results[0].done():
            yield self._results.popleft().result()

    @property
    def is_empty(self) -> bool:
        """Whether `ready` has given all results."""
        return not self._results

    def _work(self) -> None:
        while True:
            result, work = self._waiting.get()
            try:
                result.set_result(work())
            except BaseException as error:  # for who waits for the result
                result.set_exception(error)
            self._ended()
