"""Open the executor that runs attempts: all that the driver knows of where they run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Executor
from typing import Any, NamedTuple, Protocol

from orchestrator.engine.commands import Command
from orchestrator.execute.attempt.spec import Place
from orchestrator.execute.attempt.worker import Worker, install, uninstall
from orchestrator.execute.executors.local import LocalExecutor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.this_machine import host_name


class KillAttempt(Protocol):
    """Stops the attempt with this serial: its stop signal, its grace, KILL; with `force` KILL at once. Never waits.

    Unknown serials and ended attempts are no error. An executor's own `cancel()` never stops what has begun.
    """

    def __call__(self, serial: int, *, force: bool) -> None: ...


class Pausable(Protocol):
    """Stops the processes of all attempts, and lets them continue; returns the seconds between."""

    def pause(self) -> None: ...

    def resume(self) -> float: ...


class Admission(Protocol):
    """Which launches have to wait: see `AdmissionControl`. It is given `beyond` launches more than can be carried out,
    to choose among them, or that many fewer if it is negative. `ended` is called for each job that was admitted."""

    limits: bool
    look_again_at: float | None

    @property
    def beyond(self) -> int: ...

    def ended(self, job: int) -> None: ...

    def admitted(self, commands: list[Command], running: Collection[int], now: float) -> list[Command]: ...


class OpenExecutor(NamedTuple):
    """What the driver holds. All of it is called by its thread only.

    `executor.submit(run_attempt, spec)` is its one way to run an attempt. `close` kills everything that still runs,
    completes all futures and may be called twice. Once there was a shortage, `look_for_room` is called now and then.
    `place_of(job)` is where the next attempt of the job with this index will run. `pausable` stops what runs; None is
    the warden. `admission` decides what may start; None for what this machine has room for. `why_none()`, which any
    thread may call, is why there is no worker, as far as that is known.
    """

    executor: Executor
    kill: KillAttempt
    close: Callable[[], None]
    look_for_room: Callable[[], None]
    place_of: Callable[[int], Place]
    pausable: Pausable | None = None
    admission: Admission | None = None
    why_none: Callable[[], str] = str


def open_executor(name: str, run_dir: str, worker: Worker, slots: int, inbox: Inbox[Any]) -> OpenExecutor:
    """The executor with this name, for at most `slots` attempts at a time of the run in `run_dir`.

    `worker` is installed for `run_attempt` in this process. Results come to `inbox`, by the callbacks of futures, or
    by descriptors that are read while the calling thread waits on it. Raises EnvironmentFailedError.
    """
    return _EXECUTORS[name](run_dir, worker, slots, inbox)


def _open_local(run_dir: str, worker: Worker, slots: int, inbox: Inbox[Any]) -> OpenExecutor:
    install(run_dir, worker)
    executor = LocalExecutor(worker, slots, inbox)

    def close() -> None:
        worker.supervisor.close()
        executor.shutdown(wait=True, cancel_futures=True)
        uninstall(run_dir)

    here = Place(host_name())
    return OpenExecutor(executor, worker.supervisor.warden.kill, close, executor.look_for_room, lambda job: here)


_EXECUTORS: dict[str, Callable[[str, Worker, int, Inbox[Any]], OpenExecutor]] = {"local": _open_local}
