"""The executor of this machine: a `concurrent.futures.Executor` of threads, with a shortcut for attempts."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.attempt.worker import Worker, needs_pump, run_attempt
from orchestrator.execute.executors.multiplexer import Multiplexer
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.supervisor.shortages import NO_MORE_THREADS

P = ParamSpec("P")
T = TypeVar("T")


class _Threads(ThreadPoolExecutor):
    """Where the system has no room for one more thread, work waits for those that exist."""

    on_shortage: Callable[[str], None]

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError as error:
            if not self._threads:
                raise EnvironmentFailedError(f"no thread can be started: {error}", code="PX301") from error
            self.on_shortage(NO_MORE_THREADS)


class LocalExecutor(Executor):
    """Runs any callable in a thread, `slots` at a time.

    Except for `run_attempt` with a spec that needs no pump, submitted by the thread that made this executor and that
    waits on `inbox`: such an attempt is only requested from the warden, and its future is completed by that thread.
    """

    def __init__(self, worker: Worker, slots: int, inbox: Inbox[Any]) -> None:
        self._threads = _Threads(max(1, slots), thread_name_prefix="attempt")
        self._threads.on_shortage = worker.supervisor.warden.report_shortage
        self._threads.submit(int)  # at least one thread must exist: with none, a lack of room later would end the run
        self._supervisor = worker.supervisor
        self._multiplexer = Multiplexer(worker, inbox, lambda spec: self._threads.submit(run_attempt, spec))
        self._own_thread = threading.get_ident()
        self._is_shut_down = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn`; the future is that of any executor. Raises RuntimeError after `shutdown`."""
        if fn is run_attempt and threading.get_ident() == self._own_thread and not self._is_shut_down:
            spec: Any = args[0]
            if not needs_pump(spec, self._supervisor):
                return self._multiplexer.submit(spec)  # type: ignore[return-value]  # T is AttemptResult here
        return self._threads.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept nothing more. With `wait`, return when all has ended; else attempts end as long as `inbox` is read."""
        self._is_shut_down = True
        if wait and threading.get_ident() == self._own_thread:
            self._multiplexer.drain()
        elif wait:
            concurrent.futures.wait(self._multiplexer.futures)
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
