"""The driver: one thread, one inbox, one blocking call.

    while not finished: carry out what the engine wishes; wait once; record what came

Nothing here decides. A wish becomes a fact by being written to the journal, and only then is the world touched:
all facts of one wake-up are appended by one write, then observers see them, then processes are started or stopped.
So a crash can leave an attempt that is recorded and never ran (a resume starts it again), never one that runs unknown.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, Protocol, assert_never

from msgspec import Struct

from orchestrator.engine.commands import Cancel, Command, GiveUp, Kill, Launch
from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    Consequence,
    Fact,
    KillSent,
)
from orchestrator.engine.outcomes import RunResult
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, Verdict
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.admission import Admission
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.cleanup import Cleanups, told
from orchestrator.execute.clock import RunClock
from orchestrator.execute.executors.local import Backend
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.signals import STOP_SIGNALS
from orchestrator.journal.events import consequence_to_fields, fact_to_fields
from orchestrator.plan.model import Plan

SECOND_REQUEST_AFTER = 0.3  # seconds; sooner, a signal is a bounce of the same key


class Observer(Protocol):
    """Who watches a run. An observer never drives: what it does or fails to do changes nothing."""

    def on_event(self, record: Mapping[str, Any]) -> None:
        """A journal record that is already written. Called in the driver's thread."""


class Journal(Protocol):
    """What the driver needs of the journal."""

    def emit(self, event: str, at: float, **fields: Any) -> Mapping[str, Any]:
        """Buffer one record and return it."""

    def flush(self) -> None:
        """Append what is buffered. Raises EnvironmentFailedError; what was not appended stays buffered."""


class SpecFactory(Protocol):
    """Makes the attempt that an executor gets."""

    def __call__(self, launch: Launch, serial: int) -> AttemptSpec: ...


class Spawned(Struct, frozen=True):
    """The attempt's process exists."""

    spec: AttemptSpec
    pid: int
    start_ticks: int


class Ended(Struct, frozen=True):
    """The attempt is over."""

    spec: AttemptSpec
    result: AttemptResult


class Signalled(Struct, frozen=True):
    """pexec got a signal."""

    number: signal.Signals


class CancelAsked(Struct, frozen=True):
    """Somebody in another terminal wants this job, or with None the whole run, to stop."""

    job: int | None


Message = Spawned | Ended | Signalled | CancelAsked


class Driver:
    """Connects the engine, a backend, the journal and observers for one run.

    Record how the run begins, then `run`, which returns when every job has ended, then `finish`. Each raises
    EnvironmentFailedError when the journal cannot grow any more; then nothing runs any more either.
    """

    def __init__(
        self,
        plan: Plan,
        scheduler: Scheduler,
        backend: Backend,
        journal: Journal,
        observers: Sequence[Observer],
        make_spec: SpecFactory,
        clock: RunClock,
        inbox: Inbox[Message],
        reactions: Mapping[signal.Signals, Callable[[], None]] | None = None,
    ) -> None:
        self._ids = tuple(job.id for job in plan.jobs)
        self._scheduler = scheduler
        self._backend = backend
        self._journal = journal
        self._observers = tuple(observers)
        self._make_spec = make_spec
        self._clock = clock
        self._inbox = inbox
        self._reactions = reactions or {}  # what a signal does besides stopping the run, or instead
        self._live: dict[int, AttemptSpec] = {}  # job -> its attempt under way
        self._cleanups = Cleanups()
        self._admission = Admission(plan)
        self._serial = 0
        self._unwritten: list[Mapping[str, Any]] = []
        self._unseen: list[Mapping[str, Any]] = []
        self._asked: dict[int | None, float] = {}  # job, or None for the run -> when it was first asked to stop
        self.stop_signal: signal.Signals | None = None

    # What anybody may write down before the run, and the run itself.

    def now(self) -> float:
        """The second of the run."""
        return self._clock.now()

    def record(self, fact: Fact, **more: Any) -> None:
        """Write down a fact, with the fields that the engine does not know, and what follows from it."""
        self._write(fact, more)
        for consequence in self._scheduler.apply(fact):
            self.conclude(consequence, fact.at)

    def conclude(self, consequence: Consequence, at: float) -> None:
        """Write down what followed from a fact."""
        event, fields = consequence_to_fields(consequence, self._ids)
        self._emit(event, at, **fields)

    def remark(self, event: str, **fields: Any) -> None:
        """Write down what moves no job."""
        self._emit(event, self._clock.now(), **fields)

    def watch(self, observers: Sequence[Observer]) -> None:
        """Let these see what is written down from now on."""
        self._publish()
        self._observers += tuple(observers)

    def run(self) -> None:
        """Drive to the end."""
        try:
            self._carry_out()
            while not self._scheduler.finished:
                self._receive()
                self._carry_out()
            self._clean_up_the_rest()
        except EnvironmentFailedError:
            self._end_everything()
            raise

    def finish(self, *, result: RunResult, exit_code: int) -> None:
        """Write the last event, after every process has ended."""
        now = self._clock.now()
        self._emit("run.finished", now, result=result.value, exit_code=exit_code, wall_seconds=now)
        self._publish()

    # From wishes to facts to deeds.

    def _carry_out(self) -> None:
        """Do what the engine wishes until it wishes nothing more."""
        while True:
            now = self._clock.now()
            commands = self._admission.admitted(self._scheduler.decide(now), self._live, now)
            launches = [self._accept(command, now) for command in commands]
            self._flush()
            self._touch(commands, launches)
            self._show()
            if None not in launches:  # a launch makes the engine wish nothing more
                return

    def _accept(self, command: Command, now: float) -> AttemptSpec | None:
        """Turn a wish into a fact: written down and applied, not yet done."""
        match command:
            case Launch(job, attempt):
                self.record(AttemptStarted(now, job, attempt))
                spec = self._live[job] = self._make_spec(command, self._next_serial())
                self._cleanups.attempt_starts(spec)
                return spec
            case Kill(job, attempt, force):
                self.record(KillSent(now, job, attempt, force))
            case GiveUp(job):
                spec = self._live.pop(job)
                self._cleanups.forget(job)
                result = AttemptResult(Verdict.LOST, "nothing was heard of it after it was killed")
                self.record(end_of(spec.job, spec.attempt, result, now), **measured(result, spec.log_name))
            case Cancel(reason, doomed):
                self.record(CancelRequested(now, reason, job=doomed))
            case _:
                assert_never(command)
        return None

    def _touch(self, commands: Iterable[Command], launches: Iterable[AttemptSpec | None]) -> None:
        """Start and stop what was recorded."""
        for command, spec in zip(commands, launches, strict=True):
            if spec is not None:
                self._submit(spec)
            elif isinstance(command, Kill):
                self._backend.kill(self._live[command.job].serial, force=command.force)

    def _submit(self, spec: AttemptSpec) -> None:
        self._backend.submit(spec).add_done_callback(lambda done: self._inbox.put(_ended(spec, done)))

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial

    # What comes from the world.

    def _receive(self) -> None:
        """Wait once for word from the world, and record all that has come."""
        times = (self._scheduler.next_wakeup(), self._admission.look_again_at)
        wakeup = min((time for time in times if time is not None), default=None)
        messages = self._inbox.wait(None if wakeup is None else max(0.0, wakeup - self._clock.now()))
        now = self._clock.now()
        for message in messages:
            self._handle(message, now)

    def _handle(self, message: Message, now: float) -> None:
        match message:
            case Spawned(spec, pid, start_ticks):
                if self._live.get(spec.job) is spec:
                    self._emit(
                        "attempt.spawned", now, job=spec.job_id, attempt=spec.attempt, pid=pid, start_ticks=start_ticks
                    )
            case Ended(spec, result):
                self._on_end(spec, result, now)
            case Signalled(number):
                self._on_signal(number, now)
            case CancelAsked(job):
                if job is None or job < len(self._ids):
                    self._stop(job, now)
            case _:
                assert_never(message)

    def _on_signal(self, number: signal.Signals, now: float) -> None:
        if number in self._reactions:
            self._reactions[number]()
        if number is signal.SIGQUIT:
            self.stop_signal = number
            self._stop(None, now, force=True)
        elif number in STOP_SIGNALS:
            self.stop_signal = self.stop_signal or number
            if now - self._asked.get(None, -SECOND_REQUEST_AFTER) >= SECOND_REQUEST_AFTER:
                self._stop(None, now)

    def _on_end(self, spec: AttemptSpec, result: AttemptResult, now: float) -> None:
        """Record the end of an attempt, or hold it back while the job's cleanup runs; or the cleanup has ended."""
        if self._live.get(spec.job) is spec:
            fact = end_of(spec.job, spec.attempt, result, now)
            if self._is_to_be_cleaned_up(spec.job) and self._scheduler.would_end(fact):
                self._submit(self._cleanups.begin(spec, result, self._next_serial()))
            else:
                self._record_end(spec, result, now)
            return
        held = self._cleanups.end(spec.serial)
        if held is None:
            return
        if held.result is not None:
            self._record_end(held.spec, told(held.result, result), now)
        elif result.verdict is not Verdict.SUCCEEDED:
            self.remark("degraded", what=f"the cleanup of `{spec.job_id}`", why=f"it failed: {result.reason}")

    def _record_end(self, spec: AttemptSpec, result: AttemptResult, now: float) -> None:
        del self._live[spec.job]
        self.record(end_of(spec.job, spec.attempt, result, now), **measured(result, spec.log_name))

    def _is_to_be_cleaned_up(self, job: int) -> bool:
        """Whether its cleanup is still to be run. A stop by force leaves no time for that."""
        stop = self._scheduler.stop
        return self._cleanups.is_owed(job) and not (stop is not None and stop.forced)

    def _clean_up_the_rest(self) -> None:
        """Every job has ended; run the cleanups of those that ended while they waited for another attempt."""
        for spec in self._cleanups.owed():
            if self._is_to_be_cleaned_up(spec.job):
                self._submit(self._cleanups.begin(spec, None, self._next_serial()))
        while self._cleanups.under_way(None):
            for message in self._inbox.wait():
                self._handle(message, self._clock.now())
            self._publish()

    def _stop(self, job: int | None, now: float, *, force: bool = False) -> None:
        """The first request asks to end; one that comes well after it kills what has not ended."""
        force |= now - self._asked.setdefault(job, now) >= SECOND_REQUEST_AFTER
        self.record(CancelRequested(now, CancelReason.USER, force, job))
        if force:
            for serial in self._cleanups.under_way(job):
                self._backend.kill(serial, force=True)

    # Writing.

    def _write(self, fact: Fact, more: Mapping[str, Any]) -> None:
        event, fields = fact_to_fields(fact, self._ids)
        self._emit(event, fact.at, **fields, **more)

    def _emit(self, event: str, at: float, **fields: Any) -> None:
        self._unwritten.append(self._journal.emit(event, at, **fields))

    def _publish(self) -> None:
        """Journal first, then whoever watches: a success that was shown survives a crash."""
        self._flush()
        self._show()

    def _flush(self) -> None:
        if self._unwritten:
            self._journal.flush()
            self._unseen += self._unwritten
            self._unwritten.clear()

    def _show(self) -> None:
        """To those who watch, after the world was touched: nobody who waits for a job is kept waiting for them."""
        if self._unseen:
            records, self._unseen = self._unseen, []
            for observer in self._observers:
                for record in records:
                    observer.on_event(record)

    def _end_everything(self) -> None:
        """The journal could not grow: end what runs, and write the ends of attempts into the room that is left.

        Only these facts: what follows from them may be long, and a resume finds it again.
        """
        self._backend.close()
        now = self._clock.now()
        ended = {message.spec.serial: message.result for message in self._inbox.take() if isinstance(message, Ended)}
        never_began = AttemptResult(Verdict.LOST, "pexec ended before it began")
        for spec in self._live.values():
            result = self._cleanups.result_of(spec.job) or ended.get(spec.serial, never_began)
            self._write(end_of(spec.job, spec.attempt, result, now), measured(result, spec.log_name))
        with contextlib.suppress(EnvironmentFailedError):
            self._publish()


def end_of(job: int, attempt: int, result: AttemptResult, at: float) -> AttemptFinished:
    """The fact that an attempt ended so."""
    return AttemptFinished(at, job, attempt, result.verdict, result.exit_code, result.signal, result.reason)


def measured(result: AttemptResult, log_name: str) -> dict[str, Any]:
    """What the journal holds of an attempt's end besides the fact."""
    return {
        "duration_seconds": round(result.duration_seconds, 6),
        "cpu_seconds": round(result.cpu_seconds, 6),
        "max_rss_bytes": result.max_rss_bytes,
        "log": log_name,
        "log_bytes": result.log_bytes,
        "dropped_bytes": result.dropped_bytes,
        "leftover_killed": result.leftover_killed,
        "enforced_by": result.enforced_by,
    }


def _ended(spec: AttemptSpec, future: Future[AttemptResult]) -> Ended:
    """What a future says; an executor that broke loses the attempt, whatever the exception was."""
    try:
        return Ended(spec, future.result())
    except CancelledError:
        return Ended(spec, AttemptResult(Verdict.LOST, "pexec ended before it began"))
    except Exception as error:
        reason = f"the executor failed: {type(error).__name__}: {error}"
        return Ended(spec, AttemptResult(Verdict.LOST, reason))
