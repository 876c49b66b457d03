"""The driver: one thread, one inbox, one blocking call.

    while not finished: carry out the engine's commands; wait once; record what came

Nothing here decides. A command becomes a fact by being written to the journal, and only then is it executed: all facts
of one wake-up are appended by one write, then processes are started or stopped, then observers see the facts. So a
crash can leave an attempt that is recorded and never ran (a resume starts it again), never one that runs unknown.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, assert_never

from orchestrator.engine.commands import Cancel, Check, Command, GiveUp, Kill, Launch
from orchestrator.engine.facts import (
    AttemptStarted,
    CancelRequested,
    Consequence,
    Fact,
    JobFinished,
    JobMustRun,
    KillSent,
)
from orchestrator.engine.outcomes import RunResult
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, Verdict
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.admission import AdmissionControl
from orchestrator.execute.attempt.ends import end_of, late_fields, usage_fields
from orchestrator.execute.attempt.result import NEVER_BEGAN, cannot_start, lost
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.attempt.worker import run_attempt
from orchestrator.execute.checks_under_way import ChecksUnderWay
from orchestrator.execute.cleanup import Cleanups, with_cleanup_failure
from orchestrator.execute.clock import RunClock
from orchestrator.execute.driver_parts import Journal, Observer, SpecFactory
from orchestrator.execute.executors.open_executor import Admission, OpenExecutor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.job_cache import Checked, CheckResult, Collected, JobCache, Remark
from orchestrator.execute.messages import (
    CancelReceived,
    Ended,
    Message,
    Noted,
    NothingStarts,
    ShortageNoticed,
    SignalReceived,
    Spawned,
)
from orchestrator.execute.records import Records
from orchestrator.execute.signals import STOP_SIGNALS
from orchestrator.journal.facts_as_events import consequence_to_fields, fact_to_fields
from orchestrator.plan.model import Plan, PlannedJob

LOOK_FOR_ROOM_EVERY = 1.0  # seconds, once there was a shortage
SECOND_REQUEST_AFTER = 0.3  # seconds; a signal that comes sooner is one key press that arrived twice


class Driver:
    """Connects the engine, an executor, the journal and observers for one run; without a `cache` every job runs.

    Record how the run begins, then `run`, which returns when every job has ended, then `finish`. Each raises
    EnvironmentFailedError when the journal cannot grow, or not one job can start; then nothing runs any more. All
    methods are for the thread that waits on `inbox`.
    """

    def __init__(
        self,
        plan: Plan,
        scheduler: Scheduler,
        executor: OpenExecutor,
        journal: Journal,
        observers: Sequence[Observer],
        make_spec: SpecFactory,
        clock: RunClock,
        inbox: Inbox[Message],
        reactions: Mapping[signal.Signals, Callable[[], None]] | None = None,
        cache: JobCache | None = None,
    ) -> None:
        self.jobs: Sequence[PlannedJob] = scheduler.table.jobs  # also those that take the place of placeholders
        self._ids = [job.id for job in self.jobs]
        self._slots = plan.policy.max_parallel_jobs
        self._scheduler = scheduler
        self._executor, self._kill, self._close_executor, self._look_for_room, self._place_of, _, room, _ = executor
        self._records = Records(journal, observers)
        self._make_spec = make_spec
        self._clock = clock
        self._inbox = inbox
        self._reactions = reactions or {}  # what a signal does besides stopping the run, or instead
        self._live: dict[int, AttemptSpec] = {}  # job -> its attempt under way
        self._cleanups = Cleanups()
        self._cache = cache
        self._checks = None if cache is None else ChecksUnderWay(cache, scheduler, self.record, self._remark)
        self._being_collected: dict[int, AttemptResult] = {}  # by serial
        self._admission: Admission = room or AdmissionControl(plan, jobs=self.jobs)
        self._serial = 0
        self._look_for_room_at: float | None = None
        self._left_over: list[Message] = []  # came with the one that ends the run
        self._requested: dict[int | None, float] = {}  # job, or None for the run -> its first request to stop
        self.stop_signal: signal.Signals | None = None

    # What callers may record before the run, and the run itself.

    def now(self) -> float:
        """The second of the run."""
        return self._clock.now()

    def record(self, fact: Fact, **more: Any) -> None:
        """Record a fact, with the fields that the engine does not know, and what follows from it."""
        event, fields = fact_to_fields(fact, self._ids)
        self._records.add(event, fact.at, **fields, **more)
        consequences = self._scheduler.apply(fact)
        if len(self._ids) < len(self.jobs):
            self._ids += (job.id for job in self.jobs[len(self._ids) :])
        for consequence in consequences:
            self.record_consequence(consequence, fact.at)
            if self._cache is not None and isinstance(consequence, JobFinished):
                self._cache.release(consequence.job)

    def record_consequence(self, consequence: Consequence, at: float) -> None:
        """Record what followed from a fact."""
        event, fields = consequence_to_fields(consequence, self._ids)
        self._records.add(event, at, **fields)

    def note(self, event: str, *, at: float | None = None, **fields: Any) -> None:
        """Record an event that moves no job: now, or at the second of the facts it is recorded among."""
        self._records.add(event, self._clock.now() if at is None else at, **fields)

    def watch(self, observers: Sequence[Observer]) -> None:
        """Show these observers what is recorded from now on."""
        self._records.watch(observers)

    def run(self) -> None:
        """Drive to the end."""
        try:
            self._carry_out()
            while not self._scheduler.finished:
                self._receive()
                self._carry_out()
            self._run_pending_cleanups()
        except EnvironmentFailedError:
            self._end_everything()
            raise

    def read_late_messages(self) -> None:
        """Take what came until the executor was closed: signals, which decide the exit code, and notes."""
        for message in self._inbox.wait(0):
            if isinstance(message, SignalReceived) and message.number in STOP_SIGNALS:
                self.stop_signal = self.stop_signal or message.number
            elif isinstance(message, Noted) and message.event is not None:
                self.note(message.event, **message.fields)

    def finish(self, *, result: RunResult, exit_code: int) -> None:
        """Record the last event, after every process has ended."""
        now = self._clock.now()
        self.note("run.finished", at=now, result=result.value, exit_code=exit_code, wall_seconds=now)
        self._records.publish()

    # From commands to facts to processes.

    def _carry_out(self) -> None:
        """Carry out the engine's commands until it gives no more."""
        while True:
            now = self._clock.now()
            commands = self._scheduler.decide(now, self._admission.beyond)
            if self._checks is not None:
                commands = self._checks.begin(commands, now)
            if self._admission.limits:
                commands = self._admission.admitted(commands, self._live, now)
            specs = [self._accept(command, now) for command in commands]
            self._records.flush()
            for command, spec in zip(commands, specs, strict=True):
                if spec is not None:
                    self._submit(spec)
                elif isinstance(command, Kill):
                    self._kill(self._live[command.job].serial, force=command.force)
                    if self._cache is not None:
                        self._cache.hurry(command.job)
            self._records.show()
            if None not in specs:  # nothing new follows from a launch
                return

    def _accept(self, command: Command, now: float) -> AttemptSpec | None:
        """Turn a command into a fact: written down and applied, not yet executed."""
        match command:
            case Launch(job, attempt):
                place = self._place_of(job)
                self.record(AttemptStarted(now, job, attempt), host=place.host, worker=place.worker)
                self._serial += 1
                spec = self._live[job] = self._make_spec(command, self._serial, place)
                if spec.spec.cleanup is not None:
                    self._cleanups.attempt_starts(spec)
                return spec
            case Kill(job, attempt, force):
                self.record(KillSent(now, job, attempt, force))
            case GiveUp(job):
                self._cleanups.give_up(self._live[job])
                self._record_end(self._live[job], lost("it did not respond after being killed"), now)
            case Cancel(reason, doomed):
                self.record(CancelRequested(now, reason, job=doomed))
            case Check(job):
                self.record(JobMustRun(now, job), **CheckResult().fields())
            case _:
                assert_never(command)
        return None

    def _submit(self, spec: AttemptSpec) -> None:
        if self._cache is not None:
            if why := self._cache.refusal(spec.job):
                self._inbox.put(Ended(spec, cannot_start(why)))
                return
            self._remark(self._cache.attempt_starts(spec.job), self._clock.now())
        self._executor.submit(run_attempt, spec).add_done_callback(partial(self._on_done, spec))

    def _on_done(self, spec: AttemptSpec, future: Future[AttemptResult]) -> None:
        """An attempt ended, or is lost since the executor broke. Called in the thread that completes the future."""
        try:
            result = future.result()
        except CancelledError:
            result = lost(NEVER_BEGAN)
        except Exception as error:
            result = lost(f"the executor failed: {type(error).__name__}: {error}")
        self._inbox.put(Ended(spec, result))

    # Messages.

    def _receive(self) -> None:
        """Wait once for messages, and record all that have come. Raises EnvironmentFailedError if nothing can start."""
        messages = self._inbox.wait(self._patience())
        now = self._clock.now()
        if self._look_for_room_at is not None and now >= self._look_for_room_at:
            self._look_for_room()
            self._look_for_room_at = now + LOOK_FOR_ROOM_EVERY
        self._handle(messages, now)

    def _patience(self) -> float | None:
        """How many seconds to wait for messages; None until one comes."""
        if self._checks is not None and self._checks.has_answers:
            self._checks.has_answers = False
            return 0.0
        moments = (self._scheduler.next_wakeup(), self._admission.look_again_at, self._look_for_room_at)
        wakeup = min((moment for moment in moments if moment is not None), default=None)
        return None if wakeup is None else max(0.0, wakeup - self._clock.now())

    def _handle(self, messages: Sequence[Message], now: float) -> None:
        for number, message in enumerate(messages):
            match message:
                case Spawned(spec):
                    if self._live.get(spec.job) is spec:
                        self._records.add("attempt.spawned", now, **message.fields)
                case Ended(spec, result):
                    if self._live.get(spec.job) is not spec:
                        self._on_cleanup_end(spec, result, now)
                    elif self._cache is not None and self._cache.collect(spec, result):
                        self._being_collected[spec.serial] = result
                    else:
                        self._end(spec, result, now)
                case Collected(spec, result, remarks):
                    self._being_collected.pop(spec.serial, None)
                    self._remark(remarks, now)
                    if self._live.get(spec.job) is spec:
                        self._end(spec, result, now)
                case Checked(job, result):
                    assert self._checks is not None
                    self._checks.end(job, result, now)
                case SignalReceived(number):
                    self._on_signal(number, now)
                case ShortageNoticed(why):
                    self.note("degraded", at=now, what=f"running {self._slots} jobs at once", why=why)
                    self._look_for_room_at = now
                case NothingStarts(why, help_, code):
                    self._left_over += messages[number + 1 :]
                    raise EnvironmentFailedError(f"no job can be started: {why}", help=help_, code=code)
                case Noted(event, fields, then):
                    if event is not None:
                        self._records.add(event, now, **fields)
                    then()
                case CancelReceived(job):
                    if job is None or job < len(self._ids):
                        self._stop(job, now)
                case _:
                    assert_never(message)

    def _remark(self, remarks: Sequence[Remark], now: float) -> None:
        for what, why in remarks:
            self.note("degraded", at=now, what=what, why=why)

    def _on_signal(self, number: signal.Signals, now: float) -> None:
        if number in self._reactions:
            self._reactions[number]()
        if number is signal.SIGQUIT:
            self.stop_signal = number
            self._stop(None, now, force=True)
        elif number in STOP_SIGNALS:
            self.stop_signal = self.stop_signal or number
            if now - self._requested.get(None, -SECOND_REQUEST_AFTER) >= SECOND_REQUEST_AFTER:
                self._stop(None, now)

    def _end(self, spec: AttemptSpec, result: AttemptResult, now: float) -> None:
        """An attempt is over; its job's cleanup may come first."""
        if spec.spec.cleanup is not None and self._has_to_clean_up(spec, result, now):
            self._start_cleanup(spec, result)
        else:
            self._record_end(spec, result, now)

    def _has_to_clean_up(self, spec: AttemptSpec, result: AttemptResult, now: float) -> bool:
        """Whether the job would end with this end of an attempt, which is then held back until its cleanup has run."""
        return self._needs_cleanup(spec.job) and self._scheduler.would_end(end_of(spec, result, now))

    def _on_cleanup_end(self, spec: AttemptSpec, result: AttemptResult, now: float) -> None:
        """Record the end that was held back for this cleanup. Nothing was if `spec` is an attempt that was given up."""
        deferred = self._cleanups.end(spec.serial)
        if deferred is None:
            if self._cleanups.was_given_up(spec) and (late := late_fields(spec, result)):
                self.note("attempt.late", at=now, **late)
            return
        if deferred.result is not None:
            self._record_end(deferred.spec, with_cleanup_failure(deferred.result, result), now)
        elif result.verdict is not Verdict.SUCCEEDED:
            self.note("degraded", at=now, what=f"the cleanup of `{spec.job_id}`", why=f"it failed: {result.reason}")

    def _record_end(self, spec: AttemptSpec, result: AttemptResult, now: float) -> None:
        del self._live[spec.job]
        self._admission.ended(spec.job)
        self.record(end_of(spec, result, now), **usage_fields(result, spec.log_name))

    def _needs_cleanup(self, job: int) -> bool:
        """Whether its cleanup has yet to be run. A forced stop leaves no time for that."""
        stop = self._scheduler.stop
        return self._cleanups.is_pending(job) and not (stop is not None and stop.forced)

    def _start_cleanup(self, spec: AttemptSpec, result: AttemptResult | None) -> None:
        self._serial += 1
        self._submit(self._cleanups.begin(spec, result, self._serial))

    def _run_pending_cleanups(self) -> None:
        """Every job has ended; run the cleanups of those that ended while they waited for another attempt."""
        for spec in self._cleanups.pending():
            if self._needs_cleanup(spec.job):
                self._start_cleanup(spec, None)
        while self._cleanups.under_way(None):
            messages = self._inbox.wait()
            self._handle(messages, self._clock.now())
            self._records.publish()

    def _stop(self, job: int | None, now: float, *, force: bool = False) -> None:
        """The first request stops gracefully; one that comes well after it kills what has not ended."""
        force |= now - self._requested.setdefault(job, now) >= SECOND_REQUEST_AFTER
        self.record(CancelRequested(now, CancelReason.USER, force, job))
        if force:
            for serial in self._cleanups.under_way(job):
                self._kill(serial, force=True)

    def _end_everything(self) -> None:
        """The journal cannot grow, or nothing can start: end what runs, and write the ends of attempts where there is
        room. Only these facts: what follows from them may be long, and a resume finds it again."""
        self._close_executor()
        now = self._clock.now()
        messages = (*self._left_over, *self._inbox.wait(0))
        ended = {message.spec.serial: message.result for message in messages if isinstance(message, Ended)}
        for message in messages:
            if isinstance(message, Noted) and message.event is not None:
                self.note(message.event, at=now, **message.fields)
        never_began = lost(NEVER_BEGAN)
        for spec in self._live.values():
            held = self._being_collected.get(spec.serial) or self._cleanups.result_of(spec.job)
            result = held or ended.get(spec.serial, never_began)
            event, fields = fact_to_fields(end_of(spec, result, now), self._ids)
            more = usage_fields(result, spec.log_name)
            self._records.add(event, now, **fields, **more)
        with contextlib.suppress(EnvironmentFailedError):
            self._records.publish()
