"""The heart of a run: a state machine that facts move and that decides what to do next. Pure: no clock, no process.

How it works, for those who change it.

Two halves that never mix. `apply(fact)` moves the state and returns the consequences of the fact, in order;
`decide(now)` reads the state and returns commands. A command takes effect only when its fact comes back: `Launch` as
`AttemptStarted`, `Check` as `JobCached` or `JobMustRun`, `Kill` as `KillSent`, `GiveUp` as an `AttemptFinished` with
the verdict lost, `Cancel` as `CancelRequested`. A command that is not carried out is simply returned again. So a run is
a fold over its facts, `replay` is `apply` in a loop, and `apply` must never judge what `decide` chose (the cap, the
pools, the order, the moment): an old journal was chosen by an older `decide`. It does refuse moves that are not in the
tables of `states.py`.

Who holds what. `JobTable`: the states, and the counts of what each pending job waits for; its `move` is the only place
that changes a state. `Checks`: the ready jobs that may be up to date. `ReadyQueue`, `Pools` and `Launches`: the jobs
that may start, the room for them, and which of them start. `Retries`: used budgets and the heap of delays.
`Escalation`: running attempts and the heap of steps that end them. `Stop`: how far the run is stopped, and the rules of
that. `MatrixFailFast`: the jobs that a failure in their matrix cancels. `OutputValues`: what successes hand to their
dependents. `NeedConditions`: what an `if` asks of needs. `Growth`: placeholders, and the cells that take their place.
`outcomes.py`: the pure tables. This file only connects them. All of it runs in the driver's thread.

A job's life. Once all its needs have ended they decide (`JobTable.gate`): if shut, it is skipped and the reason names
the need; if open, its `if` may leave it out, a group succeeds at once, a job that lacks an output value fails, and
any other becomes ready. Each end puts the job on `_ended`, and `_settle` works that list off until nothing follows,
then expands a placeholder: a fact and all its consequences are one step. Even a skip waits for all of its ancestors.

No fact marks the end of a retry delay. A waiting job stays `WAITING` until its next attempt is started (and passes
through `READY` then); `decide` queues it once its time has come.

One job can be cancelled as well: at once, or once all its needs have ended, whatever they do (`JobTable.cancelled`).
In a matrix that fails fast, the first failure that is not allowed cancels the other jobs that have not ended: `decide`
returns a `Cancel` for each of them, which is recorded like any other request to cancel one job.

Caches. Heaps keep outdated entries and drop them at the top; `_clock` is the latest second seen, and lets `decide` move
due jobs from the heap of delays into the queue once instead of each time. None of this shows in states or answers, but
`next_wakeup` looks only beyond the second that `decide` was last called with, so that the loop never spins on a job
whose delay is over while its pool is full. Only the start and a resume take time proportional to the number of jobs.
"""

from __future__ import annotations

from collections import deque
from typing import assert_never

from orchestrator.engine import invariants
from orchestrator.engine.checks import UP_TO_DATE, Checks
from orchestrator.engine.commands import Cancel, Command, GiveUp
from orchestrator.engine.escalation import Escalation, RunningAttempt, Step
from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    Consequence,
    Fact,
    JobAdopted,
    JobCached,
    JobFinished,
    JobMustRun,
    KillSent,
    RetryScheduled,
    RunResumed,
    RunStarted,
)
from orchestrator.engine.growth import Growth
from orchestrator.engine.job_table import IllegalMove, JobTable
from orchestrator.engine.launches import Launches
from orchestrator.engine.matrix_fail_fast import MatrixFailFast
from orchestrator.engine.need_conditions import NeedConditions
from orchestrator.engine.outcomes import FAILURES, STATE_AFTER, STOPPED_ON_REQUEST, Gate, RunResult, run_result
from orchestrator.engine.output_values import OutputValues
from orchestrator.engine.pools import Pools
from orchestrator.engine.ready_queue import ReadyQueue
from orchestrator.engine.retries import Retries
from orchestrator.engine.states import ENDED, CancelReason, JobState
from orchestrator.engine.stop import Stop, cause_of, reason_to_stop, widen
from orchestrator.plan.model import Plan, PlannedJob


class Scheduler:
    """One run of one plan. Times are seconds of the run; `now` never decreases (an earlier one counts as the latest).

    For reading only, `table` has the jobs and their states, `checks` what is to be checked, `values` their outputs, and
    `growth` what has taken the place of placeholders. `last_grace` is how many seconds to wait for the end of an
    attempt after KILL; on a cluster it is longer than a lease, in which silent workers end it. Raises ValueError for a
    job that takes more than its pool has.
    """

    def __init__(self, plan: Plan, *, last_grace: float = 10.0) -> None:
        self._policy = plan.policy
        self._last_grace = max(last_grace, plan.policy.cluster.longest_silence if plan.policy.cluster else 0.0)
        self.table = JobTable(plan)
        self._jobs = self.table.jobs
        self.values = OutputValues(self.table)
        self._conditions = NeedConditions(self.table, self.values)
        self._pools = Pools(plan)
        self.checks = Checks(self.table, self.values)
        self._queue = ReadyQueue(plan)
        self._escalation = Escalation()
        self._retries = Retries()
        self._matrices = MatrixFailFast(plan)
        self.growth = Growth(plan, self.table, self.values, self._queue, self._matrices)
        self._launches = Launches(plan.policy, self.table, self.values, self._queue, self._pools, self._escalation)
        self._stop: Stop | None = None
        self._deadline: float | None = None
        self._started = False
        self._clock = 0.0
        self._ended: deque[int] = deque()  # settled jobs that their dependents have not counted yet
        self._out: list[Consequence] = []

    # Facts.

    def apply(self, fact: Fact) -> tuple[Consequence, ...]:
        """Apply one fact; its consequences, in order. Raises IllegalMove for a fact that cannot have happened."""
        self._clock = max(self._clock, fact.at)
        if not self._started and not isinstance(fact, RunStarted):
            raise IllegalMove(f"{type(fact).__name__} before the run started")
        match fact:
            case AttemptStarted():
                self._on_started(fact)
            case AttemptFinished():
                self._on_finished(fact)
            case KillSent():
                self._on_kill_sent(fact)
            case CancelRequested(job=None):
                self._on_cancel(fact)
            case CancelRequested():
                self._on_cancel_job(fact)
            case JobAdopted():
                self._on_adopted(fact)
            case JobCached() | JobMustRun():
                self._on_checked(fact)
            case RunStarted():
                if self._started:
                    raise IllegalMove("the run started twice")
                self.table.early_skips = fact.early_skips
                self._begin(fact.at)
            case RunResumed():
                self._on_resumed(fact)
            case _:
                assert_never(fact)
        self._settle()
        out, self._out = tuple(self._out), []
        return out

    def _begin(self, at: float) -> None:
        self._started, self._stop = True, None
        self._deadline = None if self._policy.timeout is None else at + self._policy.timeout
        for job, state in enumerate(self.table.states):
            if state is JobState.PENDING:
                self._advance_if_ready(job)

    def _on_resumed(self, fact: RunResumed) -> None:
        for job, _ in self._escalation:
            self._pools.release(self._jobs[job])
        for part in (self._escalation, self.checks, self._queue, self._matrices, self.growth):
            part.clear()
        self._retries = Retries()
        self.table.reopen()
        self._begin(fact.at)

    def _on_adopted(self, fact: JobAdopted) -> None:
        # A group, or a job that has nothing to do in this run, may have ended before its adoption is read.
        state = self.table.states[fact.job]
        if state is JobState.RUNNING:
            self.table.refuse(fact.job, "cannot be adopted")
        if state not in ENDED:
            self.values.keep(fact.job, fact.outputs)
            self._finish(fact.job, JobState.SUCCEEDED, "reused from an earlier run")

    def _on_checked(self, fact: JobCached | JobMustRun) -> None:
        if self.table.states[fact.job] is not JobState.READY:
            self.table.refuse(fact.job, "cannot be checked")
        self.checks.waiting.pop(fact.job, None)
        if isinstance(fact, JobMustRun):
            return self._queue.add(fact.job)
        self.values.keep(fact.job, fact.outputs)
        return self._finish(fact.job, JobState.SUCCEEDED, UP_TO_DATE)

    def _on_started(self, fact: AttemptStarted) -> None:
        table, job = self.table, fact.job
        if fact.attempt != table.attempts[job] + 1:
            table.refuse(job, f"cannot start attempt {fact.attempt}")
        if table.states[job] is JobState.WAITING:
            table.move(job, JobState.READY)
            self._retries.forget(job)
        table.move(job, JobState.RUNNING)
        self.checks.waiting.pop(job, None)
        table.attempts[job] = fact.attempt
        self._pools.take(self._jobs[job])
        self._escalation.start(job, fact.attempt)

    def _on_finished(self, fact: AttemptFinished) -> None:
        job = fact.job
        running = self._escalation.end(job, fact.attempt)
        if running is None:
            return
        self._pools.release(self._jobs[job])
        status = STATE_AFTER[fact.verdict]
        if status is JobState.SUCCEEDED:
            self.values.keep(job, fact.outputs)
        if status in FAILURES and self._try_again(fact, running):
            return
        reason = fact.reason
        if status is JobState.CANCELLED and running.cause:
            more = reason.removeprefix(STOPPED_ON_REQUEST).removeprefix("; ")
            reason = f"{running.cause}; {more}" if more else running.cause
        self._finish(job, status, reason)

    def _try_again(self, fact: AttemptFinished, running: RunningAttempt) -> bool:
        if self._stop is not None or running.step is not Step.NONE:
            return False
        not_before = self._retries.schedule(self._jobs[fact.job], fact)
        if not_before is None:
            return False
        self.table.move(fact.job, JobState.WAITING)
        following = self.table.attempts[fact.job] + 1
        self._out.append(RetryScheduled(fact.job, following, not_before, fact.reason or fact.verdict.value))
        return True

    def _on_kill_sent(self, fact: KillSent) -> None:
        if self._escalation.is_current(fact.job, fact.attempt):
            wait = self._last_grace if fact.force else self._jobs[fact.job].spec.stop_seconds
            step = Step.GIVE_UP if fact.force else Step.KILL
            self._escalation.schedule(fact.job, step, fact.at + wait)

    def _on_cancel(self, fact: CancelRequested) -> None:
        if self.finished:
            return
        cause = self._cause(fact.reason, self.table.first_failure)
        stop = self._stop = widen(self._stop, fact, self._policy.fail_fast, cause)
        for job in sorted({*self._queue, *self.checks, *self._retries.not_before}):
            if self.table.states[job] in (JobState.READY, JobState.WAITING) and stop.covers(self._jobs[job].when):
                self._cancel_idle(job, stop.cause)
        if stop.kills:
            self._escalation.end_all(stop, self._jobs, fact.at)

    def _on_cancel_job(self, fact: CancelRequested) -> None:
        job = fact.job
        assert job is not None
        self._matrices.to_cancel.discard(job)
        first = self._matrices.first_failure_in_matrix(job) if fact.reason is CancelReason.FAIL_FAST else None
        cause = "cancelled on request" if first is None else self._cause(fact.reason, first)
        if (state := self.table.states[job]) is JobState.RUNNING:
            self._escalation.schedule(job, Step.KILL if fact.force else Step.TERM, fact.at, cause)
        elif state is JobState.PENDING and not self.table.needs_have_ended(job):
            self.table.cancelled.setdefault(job, cause)
        elif state not in ENDED:
            self._cancel_idle(job, cause)

    def _cause(self, reason: CancelReason, failure: int | None) -> str:
        phrase = None if failure is None else self.table.outcome_phrase(failure)
        return cause_of(reason, self._policy.timeout, phrase)

    # Consequences.

    def _settle(self) -> None:
        """Count each end for its dependents, until nothing follows any more. A placeholder is expanded only then: which
        of those that are like it have ended without cells depends on no order."""
        while self._ended or self.growth.expandable:
            if not self._ended:
                self._expand(self._jobs[min(self.growth.expandable)])
                continue
            for job in self.table.release(self._ended.popleft(), self._ended):
                if self.table.states[job] is JobState.PENDING:
                    self._advance_if_ready(job)

    def _advance_if_ready(self, job: int) -> None:
        """Move a pending job if its needs have decided."""
        planned = self._jobs[job]
        if job in self.table.cancelled and self.table.needs_have_ended(job):
            self._cancel_idle(job, self.table.cancelled.pop(job))
        elif (gate := self.table.gate(job)) is Gate.WAIT:
            return
        elif gate is Gate.SHUT:
            self._finish(job, JobState.SKIPPED, self.table.skip_reason(job))
        elif planned.condition is not None and (why := self._conditions.why_left_out(job, planned.condition)):
            self._finish(job, JobState.LEFT_OUT, why)
        elif planned.spec.is_group and planned.run_matrix is None:
            self._finish(job, JobState.SUCCEEDED, "")
        elif self._stop is not None and self._stop.covers(planned.when):
            self._cancel_idle(job, self._stop.cause)
        elif planned.run_matrix is not None:
            self.growth.expandable.add(job)
        elif why := self.growth.why_unable(job):
            self._finish(job, JobState.FAILED, why)
        else:
            self.table.move(job, JobState.READY)
            if not self.checks.begin(job):
                self._queue.add(job)

    def _expand(self, placeholder: PlannedJob) -> None:
        """Put cells in the place of a placeholder, and of those that are like it; without any it has ended."""
        found = self.growth.expansion_of(placeholder)
        if not found.cells:
            self.growth.end_without_cells(placeholder)
            status = JobState.FAILED if found.problem else JobState.LEFT_OUT
            self._finish(placeholder.index, status, found.problem or "its matrix is empty")
            return
        first = len(self._jobs)
        self._out += self.growth.grow(placeholder.index, found.cells)
        for cell in range(first, len(self._jobs)):
            self._advance_if_ready(cell)

    def _cancel_idle(self, job: int, cause: str) -> None:
        if self.table.states[job] is JobState.WAITING:
            cause = f"{cause} while waiting for attempt {self.table.attempts[job] + 1}"
            self._retries.forget(job)
        self._finish(job, JobState.CANCELLED, cause)

    def _finish(self, job: int, status: JobState, reason: str) -> None:
        self.table.move(job, status)
        if self.table.needs_have_ended(job):
            self._ended.append(job)
        self.checks.waiting.pop(job, None)
        self._matrices.to_cancel.discard(job)
        allowed = self._jobs[job].allow_failure and status in FAILURES
        if status in FAILURES and not allowed:
            self._matrices.fail(job, lambda other: self.table.states[other] not in ENDED)
        never_expanded = self._jobs[job].run_matrix is not None
        self._out.append(JobFinished(job, status, reason, self.table.attempts[job], allowed, never_expanded))

    # Decisions.

    def decide(self, now: float, beyond: int = 0) -> list[Command]:
        """The commands at this second: only `Cancel`s, or the steps that are due and, if these end no job, checks and
        launches. If there may be any launches, these are up to `beyond` more than may be carried out, or fewer."""
        if not self._started or self.table.open == 0:
            return []
        now = self._clock = max(self._clock, now)
        if (reason := reason_to_stop(now, self._deadline, self._stop, self._policy, self.table.failures)) is not None:
            return [Cancel(reason)]
        if self._matrices.to_cancel:
            return [*self._matrices.due_commands()]
        due = self._escalation.due_commands(now)
        if any(isinstance(command, GiveUp) for command in due):
            return due  # what it ends may stop the run, before anything else starts
        hurried = self._stop is not None and self._stop.hurried
        launches = self._launches.commands(now, beyond, self._retries, hurried=hurried)
        return [*due, *self.checks.commands(), *launches]

    def next_wakeup(self) -> float | None:
        """The next second at which `decide` may return more without a new fact; None if a fact must come first."""
        if not self._started or self.table.open == 0:
            return None
        if self._deadline is None and not self._escalation.steps and not self._retries.waits:
            return None
        hurried = self._stop is not None and self._stop.hurried
        waits = self._retries.next_due() if self._launches.free > 0 else None
        times = (None if hurried else self._deadline, self._escalation.next_due(), waits)
        return min([time for time in times if time is not None], default=None)

    # What callers see.

    @property
    def finished(self) -> bool:
        """Whether every job has ended."""
        return self._started and self.table.open == 0

    @property
    def stop(self) -> Stop | None:
        """How far the run is stopped, if it is."""
        return self._stop

    @property
    def running(self) -> tuple[tuple[int, int], ...]:
        """Job and attempt of everything that runs, oldest first."""
        return tuple(self._escalation)

    @property
    def result(self) -> RunResult:
        """The result of the run if it ended now."""
        cancelled = self.table.tally[JobState.CANCELLED]
        stopped_by = None if self._stop is None else self._stop.reason
        return run_result(failed=self.table.failures, cancelled=cancelled, stopped_by=stopped_by)

    def would_end(self, fact: AttemptFinished) -> bool:
        """Whether this end of an attempt would end its job too, and not lead to a retry."""
        job = fact.job
        if not self._escalation.is_current(job, fact.attempt) or STATE_AFTER[fact.verdict] not in FAILURES:
            return True
        stopped = self._stop is not None or self._escalation.is_ending(job)
        return stopped or not self._retries.would_be_granted(self._jobs[job], fact)

    def not_before(self, job: int) -> float | None:
        """The earliest second of a waiting job's next attempt; None if it does not wait."""
        return self._retries.not_before.get(job)

    def snapshot(self) -> tuple[object, ...]:
        """The whole state, comparable and hashable: equal for a run and its replay, unchanged by `decide`."""
        room = tuple(sorted(self._pools.room.items()))
        parts = (self.table, self.checks, self._escalation, self._retries, self._matrices, self.values)
        return (self._started, self._deadline, self._stop, room, *(part.snapshot() for part in parts))

    def check_invariants(self) -> None:
        """Compare counts and queues with the states. For tests: it looks at every job."""
        assert not self._ended
        invariants.check_table(self.table, self._jobs)
        invariants.check_queues(self.table, self._escalation, self._retries, self._queue, self.checks)
        invariants.check_room(self._pools, self._escalation, self._policy, self._jobs)
        if self._started:
            invariants.check_settled(self.table, self._stop, self._jobs)
