"""The executor of this machine: a `concurrent.futures.Executor` of threads, with a shortcut for attempts."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from orchestrator.execute.attempt.worker import Worker, needs_thread, run_attempt, run_or_give_way
from orchestrator.execute.executors.attempt_threads import AttemptThreads
from orchestrator.execute.executors.multiplexer import Multiplexer
from orchestrator.execute.inbox import Inbox

P = ParamSpec("P")
T = TypeVar("T")


class LocalExecutor(Executor):
    """Runs any callable in a thread, `slots` at a time.

    Except for `run_attempt` with a spec that needs no thread, submitted by the thread that made this executor and that
    waits on `inbox`: such an attempt is only requested from the warden, and its future is completed by that thread.
    Not while attempts wait for room, which none may overtake.
    """

    def __init__(self, worker: Worker, slots: int, inbox: Inbox[Any]) -> None:
        self._shortages = worker.supervisor.warden.shortages
        self._threads = AttemptThreads(max(1, slots), self._shortages)
        self._supervisor = worker.supervisor
        self._multiplexer = Multiplexer(worker, inbox, lambda spec: self._threads.submit(run_or_give_way, spec))
        self._own_thread = threading.get_ident()
        self._is_shut_down = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn`; the future is that of any executor. Raises RuntimeError after `shutdown`."""
        if fn is run_attempt and threading.get_ident() == self._own_thread and not self._is_shut_down:
            spec: Any = args[0]
            run: Any = run_or_give_way
            if not self._shortages.is_short and not needs_thread(spec, self._supervisor):
                return self._multiplexer.submit(spec)  # type: ignore[return-value]  # T is AttemptResult here
            return self._threads.submit(run, spec)
        return self._threads.submit(fn, *args, **kwargs)

    def look_for_room(self) -> None:
        """Start what waits for a thread, if there is room for one now."""
        self._threads.adapt()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept nothing more. With `wait`, return when all has ended; else attempts end as long as `inbox` is read."""
        self._is_shut_down = True
        if wait and threading.get_ident() == self._own_thread:
            self._multiplexer.drain()
        elif wait:
            concurrent.futures.wait(self._multiplexer.futures)
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
