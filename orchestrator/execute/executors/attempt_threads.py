"""Threads for what cannot be done by the driver's: as many as there is work, or as the system has room for.

The kernel counts a thread as a process. So where attempts wait for room, threads that have nothing to do, or whose
attempt gives way to another one that waits, end: what they leave is the room that is waited for.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import Any, ParamSpec, TypeVar

from orchestrator.execute.supervisor.shortages import NO_MORE_THREADS, NoRoomError, Shortages
from orchestrator.helper_threads import NoThreadError, start_thread

P = ParamSpec("P")
T = TypeVar("T")


class _Work:
    """A call and its future, which may be running already: a call that raises NoRoomError is made again."""

    def __init__(self, future: Future[Any], call: Callable[[], Any]) -> None:
        self.future = future
        self._call = call
        self._began = False

    def do(self) -> None:
        """Raises NoRoomError."""
        if not self._began and not self.future.set_running_or_notify_cancel():
            return
        self._began = True
        try:
            result = self._call()
        except NoRoomError:
            raise
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def drop(self) -> None:
        """It will not be called any more."""
        if self._began:
            self.future.set_exception(CancelledError())
        elif self.future.cancel():
            self.future.set_running_or_notify_cancel()


class AttemptThreads(Executor):
    """At most `most` calls at once, each in a thread, the oldest first. There is always at least one thread."""

    def __init__(self, most: int, shortages: Shortages) -> None:
        """Raises EnvironmentFailedError if not even one thread can be started."""
        self._most = most
        self._shortages = shortages
        self._changed = threading.Condition()
        self._queue: list[tuple[int, _Work]] = []
        self._numbers = itertools.count()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._is_shut_down = False
        self._drops = False  # what is not being done now will not be done
        # With none, a lack of room later would end the run.
        self._threads.add(start_thread("attempt", self._work))
        shortages.on_change = self.adapt

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call it in a thread. Raises RuntimeError after `shutdown`."""
        future: Future[T] = Future()
        with self._changed:
            if self._is_shut_down:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._put(next(self._numbers), _Work(future, lambda: fn(*args, **kwargs)))
            self._grow()
        return future

    def adapt(self) -> None:
        """Whether there is room may have changed: end threads, or start them. For any thread."""
        with self._changed:
            self._changed.notify_all()
            self._grow()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept nothing more; with `cancel_futures`, drop what waits for a thread."""
        with self._changed:
            self._is_shut_down = True
            self._drops |= cancel_futures
            dropped = self._queue[:] if cancel_futures else []
            del self._queue[: len(dropped)]
            self._changed.notify_all()
        for _, work in dropped:
            work.drop()
        while wait and (thread := self._any_thread()) is not None:
            thread.join()

    def _any_thread(self) -> threading.Thread | None:
        with self._changed:
            return next(iter(self._threads), None)

    # Called with the lock.

    def _put(self, number: int, work: _Work) -> None:
        heapq.heappush(self._queue, (number, work))
        self._changed.notify()

    def _grow(self) -> None:
        """Start the threads that the queue needs, unless attempts wait for room already."""
        while len(self._queue) > self._idle and len(self._threads) < self._most and not self._shortages.is_short:
            try:
                self._threads.add(start_thread("attempt", self._work))
            except NoThreadError:
                self._shortages.report(NO_MORE_THREADS)
                return

    def _is_in_excess(self) -> bool:
        return self._shortages.is_short and len(self._threads) > 1

    # In each thread.

    def _work(self) -> None:
        while (found := self._next()) is not None:
            number, work = found
            try:
                work.do()
            except NoRoomError:
                if not self._put_back(number, work):
                    work.drop()
            del found, work  # a result may be large, and the next call a long time away

    def _put_back(self, number: int, work: _Work) -> bool:
        with self._changed:
            if not self._drops:
                self._put(number, work)
            return not self._drops

    def _next(self) -> tuple[int, _Work] | None:
        """What to do next; None if this thread has to end."""
        with self._changed:
            while not self._is_in_excess():
                if self._queue:
                    return heapq.heappop(self._queue)
                if self._is_shut_down:
                    break
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            self._threads.discard(threading.current_thread())
            return None
