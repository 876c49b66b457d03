"""Where attempts run: a `concurrent.futures.Executor`, and a way to stop an attempt that it runs.

The driver knows only this pair. Stopping goes its own way because an executor's `cancel()` never stops what has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Protocol

from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.attempt.worker import needs_thread, run_attempt
from orchestrator.execute.executors.inline import InlineAttempts
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.supervisor.multiplexer import Line
from orchestrator.execute.supervisor.supervisor import Supervision

OnSpawned = Callable[[AttemptSpec, int, int], None]
OnOutput = Callable[[AttemptSpec, bytes], None]


class Backend(Protocol):
    """An executor of attempts. `submit` and `kill` are called by the driver's thread only."""

    executor: Executor

    def submit(self, spec: AttemptSpec) -> Future[AttemptResult]:
        """Run the attempt; the future never raises for reasons of the job."""

    def kill(self, serial: int, *, force: bool) -> None:
        """Stop the attempt with this serial: TERM, or with `force` KILL. Unknown or ended ones are no error."""

    def close(self) -> None:
        """End everything that still runs, and wait for it."""


class _Threads(ThreadPoolExecutor):
    """Where the system has no room for one more thread, work waits for those that there are."""

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError as error:
            if not self._threads:
                raise EnvironmentFailedError(f"no thread can be started: {error}", code="PX301") from error


class LocalBackend:
    """Runs attempts on this machine: one warden process starts, ends and counts their processes.

    Those whose output passes through pexec have a thread each; the others are asked for in the driver's own thread,
    which hears of them by its inbox. `on_spawned(spec, pid, start_ticks)` and `on_output(spec, chunk)` are called in
    the attempt's thread, or the driver's.
    """

    def __init__(
        self, supervision: Supervision, slots: int, inbox: Inbox[Any], on_spawned: OnSpawned, on_output: OnOutput
    ) -> None:
        self.executor: Executor = _Threads(max(1, slots), thread_name_prefix="attempt")
        self.executor.submit(int)  # One thread there must be: with none, a lack of room later would end the run.
        self._supervision = supervision
        self._on_spawned = on_spawned
        self._on_output = on_output
        self._direct = InlineAttempts(supervision, Line(supervision, inbox), on_spawned, self._in_a_thread)

    def submit(self, spec: AttemptSpec) -> Future[AttemptResult]:
        return self._in_a_thread(spec) if needs_thread(spec, self._supervision) else self._direct.submit(spec)

    def kill(self, serial: int, *, force: bool) -> None:
        self._supervision.kill(serial, force=force)

    def close(self) -> None:
        self._supervision.close()
        self._direct.close()
        self.executor.shutdown(wait=True, cancel_futures=True)

    def _in_a_thread(self, spec: AttemptSpec) -> Future[AttemptResult]:
        return self.executor.submit(run_attempt, spec, self._supervision, self._on_spawned, self._on_output)
