"""The driver: one thread, one inbox, one blocking call.

    while not finished: carry out what the engine wishes; wait once; record what came

Nothing here decides. A wish becomes a fact by being written to the journal, and only then is the world touched:
all facts of one wake-up are appended by one write, then observers see them, then processes are started or stopped.
So a crash can leave an attempt that is recorded and never ran (a resume starts it again), never one that runs unknown.
"""

from __future__ import annotations

import queue
import signal
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from orchestrator.engine.commands import Cancel, Command, GiveUp, Kill, Launch
from orchestrator.engine.events import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    Consequence,
    Fact,
    JobFinished,
    KillSent,
    RetryScheduled,
)
from orchestrator.engine.outcome import RunResult
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, Verdict
from orchestrator.execute.attempt import AttemptResult, AttemptSpec
from orchestrator.execute.backends import Backend
from orchestrator.execute.clock import RunClock
from orchestrator.plan.model import Plan

SECOND_INTERRUPT_AFTER = 0.3


class Observer(Protocol):
    """Who watches a run. An observer never drives: what it does or fails to do changes nothing."""

    def on_event(self, record: Mapping[str, Any]) -> None:
        """A journal record that is already written. Called in the driver's thread."""


class Journal(Protocol):
    """What the driver needs of the journal."""

    def emit(self, event: str, at: float, **fields: Any) -> Mapping[str, Any]:
        """Buffer one record and return it."""

    def flush(self) -> None:
        """Append what is buffered."""


class SpecFactory(Protocol):
    """Makes the attempt that an executor gets."""

    def __call__(self, launch: Launch, serial: int) -> AttemptSpec: ...


@dataclass(frozen=True, slots=True)
class Spawned:
    """The attempt's process exists."""

    spec: AttemptSpec
    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt is over."""

    spec: AttemptSpec
    result: AttemptResult


@dataclass(frozen=True, slots=True)
class Signalled:
    """pexec got a signal that asks it to stop."""

    number: signal.Signals


Message = Spawned | Ended | Signalled
Inbox = queue.SimpleQueue[Message]


class Driver:
    """Connects the engine, a backend, the journal and observers for one run; `run` returns when the run is over."""

    def __init__(
        self,
        plan: Plan,
        scheduler: Scheduler,
        backend: Backend,
        journal: Journal,
        observers: Sequence[Observer],
        make_spec: SpecFactory,
        clock: RunClock,
        inbox: Inbox,
    ) -> None:
        self._ids = tuple(job.id for job in plan.jobs)
        self._scheduler = scheduler
        self._backend = backend
        self._journal = journal
        self._observers = observers
        self._make_spec = make_spec
        self._clock = clock
        self._inbox = inbox
        self._live: dict[int, AttemptSpec] = {}  # job -> its attempt under way
        self._serial = 0
        self._unseen: list[Mapping[str, Any]] = []
        self._interrupted_at: float | None = None
        self.stop_signal: signal.Signals | None = None

    def run(self, first: Fact, record: Mapping[str, Any]) -> None:
        """Drive to the end. `first` (run.started or run.resumed) is emitted already as `record`, not yet applied."""
        self._unseen.append(record)
        self._apply(first)
        while True:
            self._carry_out()
            if self._scheduler.finished:
                return
            self._receive()

    def finish(self, *, result: RunResult, exit_code: int) -> None:
        """Write the last event, after every process has ended."""
        now = self._clock.now()
        self._emit("run.finished", now, result=result.value, exit_code=exit_code, wall_seconds=now)
        self._publish()

    def _carry_out(self) -> None:
        """Do what the engine wishes until it wishes nothing more."""
        while True:
            now = self._clock.now()
            commands = self._scheduler.decide(now)
            launches = [self._record(command, now) for command in commands]
            self._publish()
            self._touch(commands, launches)
            if not commands:
                return

    def _record(self, command: Command, now: float) -> AttemptSpec | None:
        """Turn a wish into a fact: emitted and applied, not yet done."""
        match command:
            case Launch(job, attempt):
                self._emit("attempt.started", now, job=self._ids[job], attempt=attempt)
                self._apply(AttemptStarted(now, job, attempt))
                self._serial += 1
                spec = self._live[job] = self._make_spec(command, self._serial)
                return spec
            case Kill(job, attempt, force):
                self._emit("kill.sent", now, job=self._ids[job], attempt=attempt, force=force)
                self._apply(KillSent(now, job, attempt, force))
            case GiveUp(job):
                spec = self._live.pop(job)
                self._finish(spec, AttemptResult(Verdict.LOST, "nothing was heard of it after it was killed"), now)
            case Cancel(reason):
                self._cancel(reason, force=False, now=now)
            case _:
                assert_never(command)
        return None

    def _touch(self, commands: Iterable[Command], launches: Iterable[AttemptSpec | None]) -> None:
        """Start and stop what was recorded."""
        for command, spec in zip(commands, launches, strict=True):
            if spec is not None:
                future = self._backend.submit(spec)
                future.add_done_callback(lambda done, spec=spec: self._inbox.put(_ended(spec, done)))  # type: ignore[misc]
            elif isinstance(command, Kill):
                self._backend.kill(self._live[command.job].serial, force=command.force)

    def _receive(self) -> None:
        """Wait once for word from the world, and record all that has come."""
        wakeup = self._scheduler.next_wakeup()
        try:
            if wakeup is None:
                self._handle(self._inbox.get())
            else:
                self._handle(self._inbox.get(timeout=max(0.0, wakeup - self._clock.now())))
            while True:
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            pass

    def _handle(self, message: Message) -> None:
        now = self._clock.now()
        match message:
            case Spawned(spec, pid, start_ticks):
                if self._live.get(spec.job) is spec:
                    self._emit(
                        "attempt.spawned", now, job=spec.job_id, attempt=spec.attempt, pid=pid, start_ticks=start_ticks
                    )
            case Ended(spec, result):
                if self._live.get(spec.job) is spec:
                    del self._live[spec.job]
                    self._finish(spec, result, now)
            case Signalled(number):
                self._interrupt(number, now)
            case _:
                assert_never(message)

    def _finish(self, spec: AttemptSpec, result: AttemptResult, now: float) -> None:
        self._emit(
            "attempt.finished",
            now,
            job=spec.job_id,
            attempt=spec.attempt,
            verdict=result.verdict.value,
            exit_code=result.exit_code,
            signal=result.signal,
            reason=result.reason,
            duration_seconds=round(result.duration_seconds, 6),
            cpu_seconds=round(result.cpu_seconds, 6),
            max_rss_bytes=result.max_rss_bytes,
            log=spec.log_name,
            log_bytes=result.log_bytes,
            dropped_bytes=result.dropped_bytes,
            leftover_killed=result.leftover_killed,
            enforced_by=result.enforced_by,
        )
        self._apply(
            AttemptFinished(now, spec.job, spec.attempt, result.verdict, result.exit_code, result.signal, result.reason)
        )

    def _interrupt(self, number: signal.Signals, now: float) -> None:
        """The first signal stops the run; a later one, not sooner than a bounce of the key, kills what is left."""
        if self._interrupted_at is None:
            self._interrupted_at = now
            self.stop_signal = number
            self._cancel(CancelReason.USER, force=False, now=now)
        elif now - self._interrupted_at >= SECOND_INTERRUPT_AFTER:
            self._cancel(CancelReason.USER, force=True, now=now)

    def _cancel(self, reason: CancelReason, *, force: bool, now: float) -> None:
        self._emit("cancel.requested", now, reason=reason.value, force=force, job=None)
        self._apply(CancelRequested(now, reason, force))

    def _apply(self, fact: Fact) -> None:
        """Let the engine know, and write down what follows from it."""
        for consequence in self._scheduler.apply(fact):
            self._emit_consequence(consequence, fact.at)

    def _emit_consequence(self, consequence: Consequence, at: float) -> None:
        match consequence:
            case RetryScheduled(job, attempt, not_before, reason):
                self._emit(
                    "retry.scheduled", at, job=self._ids[job], attempt=attempt, not_before=not_before, reason=reason
                )
            case JobFinished(job, status, reason, attempts, allowed):
                self._emit(
                    "job.finished",
                    at,
                    job=self._ids[job],
                    status=status.value,
                    reason=reason,
                    attempts=attempts,
                    allowed=allowed,
                )
            case _:
                assert_never(consequence)

    def _emit(self, event: str, at: float, **fields: Any) -> None:
        self._unseen.append(self._journal.emit(event, at, **fields))

    def _publish(self) -> None:
        """Journal first, then whoever watches: a success that was shown survives a crash."""
        if not self._unseen:
            return
        self._journal.flush()
        records, self._unseen = self._unseen, []
        for observer in self._observers:
            for record in records:
                observer.on_event(record)


def _ended(spec: AttemptSpec, future: Future[AttemptResult]) -> Ended:
    """What a future says; an executor that broke loses the attempt, whatever the exception was."""
    error = future.exception()
    if error is None:
        return Ended(spec, future.result())
    return Ended(spec, AttemptResult(Verdict.LOST, f"the executor failed: {type(error).__name__}: {error}"))
