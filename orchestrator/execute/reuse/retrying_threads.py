"""Threads that work on calls one after the other, and come back later to a call that cannot be made yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from orchestrator.helper_threads import NoThreadError, start_thread

_TRY_AGAIN = 0.05  # seconds


class TryLaterError(Exception):
    """What the call needs is in use by another process."""


class RetryingThreads:
    """At most `most` threads, started when there is work. A call raises nothing but TryLaterError."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._due: deque[Callable[[], None]] = deque()
        self._later: deque[Callable[[], None]] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._is_closed = False

    def submit(self, call: Callable[[], None]) -> None:
        """Make the call in a thread; in this one, if none can be started."""
        with self._changed:
            self._due.append(call)
            if self._idle:
                self._changed.notify()
                return
            if len(self._threads) < self._most:
                try:
                    self._threads.add(start_thread("cache", self._work))
                except NoThreadError:
                    if not self._threads:
                        self._due.pop()
                    else:
                        return
                else:
                    return
            else:
                return
        self._call(call)

    def close(self, seconds: float) -> None:
        """Make no more calls, and wait this long for those under way."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join(seconds)

    def _work(self) -> None:
        while (call := self._next()) is not None:
            self._call(call)

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except TryLaterError:
            with self._changed:
                self._later.append(call)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._is_closed:
                if self._due:
                    return self._due.popleft()
                self._idle += 1
                waited = not self._changed.wait(_TRY_AGAIN if self._later else None)
                self._idle -= 1
                if waited:
                    self._due += self._later
                    self._later.clear()
            return None
