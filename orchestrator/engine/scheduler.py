"""The heart of a run: a state machine that facts move and that, when asked, says what to do next.

How it works, for whoever changes it next.

Two halves that never mix. `apply(fact)` moves the state and returns what follows from the fact, in order; `decide(now)`
reads the state and returns wishes. A wish becomes true only when its fact comes back: `Launch` as `AttemptStarted`,
`Kill` as `KillSent`, `GiveUp` as an `AttemptFinished` that is lost, `Cancel` as `CancelRequested`. A wish that nobody
carries out is simply made again. So a run is a fold over its facts, `replay` is `apply` in a loop, and `apply` must
never judge what `decide` chose (the cap, the pools, the order, the moment): an old journal was chosen by an older
`decide`. What it does refuse, with `IllegalMove`, is a move that is not in the tables of `states.py`.

Who holds what. `Board`: states and the counts of what each pending job waits for; its `move` is the only place that
changes a state. `Lanes` and `Pools`: the line of jobs that may start, and the room for them. `Retries`: used budgets
and the heap of waits. `Ladder`: running attempts and the heap of steps that end them. `Stop`: how far the run is
stopped. `Matrices`: whom a failure beside them dooms. `outcome.py`: the pure tables. This file only connects them.

A job's way. Its counts say when its needs have decided (`Board.gate`): open, it becomes ready, or succeeds at once if
it is a group; shut, it is skipped with the need named. Each end puts the job on `_ended`, and `_settle` works that list
off until nothing follows any more: a fact and all its consequences are one step, there is no "later".

A waiting job has no fact for the end of its wait. It stays `WAITING` until its next attempt is started (and passes
through `READY` then); `decide` puts it in line when its time has come.

A stop covers all jobs but `when: always`; forced, it covers these too (`Stop.covers`). A covered job that is ready or
waiting, or would become ready, is cancelled instead; one that waits for a running need stays pending and is decided
when that need ends, by the ordinary rules, so that "skipped" goes before "cancelled". A group starts nothing, so a stop
does not touch it. While a stop is on, no attempt that ends is made again; an `always` job that was already waiting
keeps the attempt it was promised. Fail-fast in its `drain` form lets running attempts end by themselves; any other stop
asks those of covered jobs to end. After a stop by the user or the deadline, `always` jobs are launched with their
`cleanup_timeout` as their time; those that run already are left alone that long and then asked to end too. The ladder
ends an attempt that was asked to: TERM, after the job's grace KILL, after `last_grace` it is given up as lost. This is
why every stop ends, if need be a forced one: an `always` job launched in a stop is trusted to keep its own time, as
every attempt is. What an attempt says about its end stands: one that was told to stop may still succeed or fail.

In a matrix that fails fast, the first failure that is not allowed dooms the jobs beside it that have not ended:
`decide` wishes a `Cancel` for each of them, which is recorded like any other request to cancel one job.

Caches. Heaps keep outdated entries and drop them when they come to the top; `_clock` is the latest second heard of, and
lets `decide` move due jobs from the heap of waits into the line once instead of each time. Nothing of this can be
observed in states or answers, but `next_wakeup` looks only beyond what `decide` was already asked about, so that the
loop never spins on a job whose wait is over while its pool is full. Nothing here is proportional to the number of jobs
but the start and a resume.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import assert_never

from orchestrator.engine import invariants
from orchestrator.engine.commands import Cancel, Command, Launch
from orchestrator.engine.escalation import Escalation, Running, Step
from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    Consequence,
    Fact,
    JobAdopted,
    JobFinished,
    KillSent,
    RetryScheduled,
    RunResumed,
    RunStarted,
)
from orchestrator.engine.job_table import IllegalMove, JobTable
from orchestrator.engine.matrix_fail_fast import Matrices
from orchestrator.engine.outcomes import FAILURES, STATUS, Gate, RunResult, run_result
from orchestrator.engine.pools import Pools, ReadyQueue
from orchestrator.engine.retries import Retries
from orchestrator.engine.states import TERMINAL, CancelReason, JobState
from orchestrator.engine.stop import Stop, cause_of, widen
from orchestrator.plan.model import Plan, When


class Scheduler:
    """One run of one plan. Times are seconds of the run; `now` never goes back (an earlier one counts as the latest).

    `last_grace` is how long to wait for word of an attempt after it was killed. Raises ValueError for a job that takes
    more than its pool has.
    """

    def __init__(self, plan: Plan, *, last_grace: float = 10.0) -> None:
        self._jobs = plan.jobs
        self._policy = plan.policy
        self._last_grace = last_grace
        self._board = JobTable(plan)
        self._pools = Pools(plan)
        self._lanes = ReadyQueue(plan)
        self._ladder = Escalation()
        self._retries = Retries()
        self._matrices = Matrices(plan)
        self._stop: Stop | None = None
        self._deadline: float | None = None
        self._started = False
        self._clock = 0.0
        self._ended: deque[int] = deque()  # jobs whose end was not yet counted at those that wait for them
        self._out: list[Consequence] = []

    # What happened.

    def apply(self, fact: Fact) -> tuple[Consequence, ...]:
        """Let one fact happen; what follows from it, in order. Raises IllegalMove for one that cannot have happened."""
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
            case RunStarted():
                if self._started:
                    raise IllegalMove("the run started twice")
                self._begin(fact.at)
            case RunResumed():
                self._on_resumed(fact)
            case _:
                assert_never(fact)
        self._settle()
        out, self._out = tuple(self._out), []
        return out

    def _begin(self, at: float) -> None:
        self._started = True
        self._stop = None
        self._deadline = None if self._policy.timeout is None else at + self._policy.timeout
        for job, state in enumerate(self._board.states):
            if state is JobState.PENDING:
                self._look_at(job)

    def _on_resumed(self, fact: RunResumed) -> None:
        for job, _ in self._ladder:
            self._pools.give(self._jobs[job])
        self._ladder.clear()
        self._lanes.clear()
        self._retries = Retries()
        self._matrices.clear()
        self._board.reopen()
        self._begin(fact.at)

    def _on_adopted(self, fact: JobAdopted) -> None:
        # A group, or a job that has nothing to do in this run, may have ended before its adoption is read.
        state = self._board.states[fact.job]
        if state is JobState.RUNNING:
            self._board.refuse(fact.job, "cannot be adopted")
        if state not in TERMINAL:
            self._finish(fact.job, JobState.SUCCEEDED, "adopted from an earlier run")

    def _on_started(self, fact: AttemptStarted) -> None:
        board, job = self._board, fact.job
        if fact.attempt != board.attempts[job] + 1:
            board.refuse(job, f"cannot start attempt {fact.attempt}")
        if board.states[job] is JobState.WAITING:
            board.move(job, JobState.READY)
            self._retries.forget(job)
        board.move(job, JobState.RUNNING)
        board.attempts[job] = fact.attempt
        self._pools.take(self._jobs[job])
        self._ladder.start(job, fact.attempt)

    def _on_finished(self, fact: AttemptFinished) -> None:
        job = fact.job
        if not self._ladder.is_current(job, fact.attempt):
            return
        running = self._ladder.end(job)
        self._pools.give(self._jobs[job])
        status = STATUS[fact.verdict]
        if status in FAILURES and self._try_again(fact, running):
            return
        reason = fact.reason
        if status is JobState.CANCELLED:
            reason = "; ".join(part for part in (running.cause, reason) if part)
        self._finish(job, status, reason)

    def _try_again(self, fact: AttemptFinished, running: Running) -> bool:
        if self._stop is not None or running.step is not Step.NONE:
            return False
        not_before = self._retries.again(self._jobs[fact.job], fact)
        if not_before is None:
            return False
        self._board.move(fact.job, JobState.WAITING)
        following = self._board.attempts[fact.job] + 1
        self._out.append(RetryScheduled(fact.job, following, not_before, fact.reason or fact.verdict.value))
        return True

    def _on_kill_sent(self, fact: KillSent) -> None:
        if not self._ladder.is_current(fact.job, fact.attempt):
            return
        if fact.force:
            self._ladder.ask(fact.job, Step.GIVE_UP, fact.at + self._last_grace)
        else:
            self._ladder.ask(fact.job, Step.KILL, fact.at + self._jobs[fact.job].spec.stop_seconds)

    def _on_cancel(self, fact: CancelRequested) -> None:
        if self.finished:
            return
        first = self._board.first_failure
        cause = cause_of(fact.reason, self._policy.timeout, None if first is None else self._board.went(first))
        stop = self._stop = widen(self._stop, fact, self._policy.fail_fast, cause)
        for job in sorted({*self._lanes, *self._retries.not_before}):
            if self._board.states[job] in (JobState.READY, JobState.WAITING) and stop.covers(self._jobs[job].when):
                self._cancel_idle(job, stop.cause)
        if not stop.kills:
            return
        for job, _ in self._ladder:
            if stop.forced:
                self._ladder.ask(job, Step.KILL, fact.at, stop.cause)
            elif stop.covers(self._jobs[job].when):
                self._ladder.ask(job, Step.TERM, fact.at, stop.cause)
            elif stop.hurried:
                self._ladder.ask(job, Step.TERM, fact.at + self._jobs[job].spec.cleanup_timeout, stop.cause)

    def _on_cancel_job(self, fact: CancelRequested) -> None:
        job = fact.job
        assert job is not None
        self._matrices.forget(job)
        first = self._matrices.first_failure_in_matrix(job) if fact.reason is CancelReason.FAIL_FAST else None
        cause = "cancelled on request" if first is None else cause_of(fact.reason, None, self._board.went(first))
        state = self._board.states[job]
        if state is JobState.RUNNING:
            self._ladder.ask(job, Step.KILL if fact.force else Step.TERM, fact.at, cause)
        elif state not in TERMINAL:
            self._cancel_idle(job, cause)

    # What follows.

    def _settle(self) -> None:
        """Count each end at those that wait for it, until nothing follows any more."""
        while self._ended:
            ended = self._ended.popleft()
            for job in self._board.release(ended):
                if self._board.states[job] is JobState.PENDING:
                    self._look_at(job, ended)

    def _look_at(self, job: int, ended: int | None = None) -> None:
        """Move a pending job if its needs have decided; `ended` is what it waited for and ended just now."""
        planned = self._jobs[job]
        gate = self._board.gate(job)
        if gate is Gate.WAIT:
            return
        if gate is Gate.SHUT:
            by_need = ended if planned.when is When.SUCCESS else None
            reason = "no need failed" if by_need is None else f"need {self._board.went(by_need)}"
            self._finish(job, JobState.SKIPPED, reason)
        elif planned.spec.is_group:
            self._finish(job, JobState.SUCCEEDED, "")
        elif self._stop is not None and self._stop.covers(planned.when):
            self._cancel_idle(job, self._stop.cause)
        else:
            self._board.move(job, JobState.READY)
            self._lanes.add(job)

    def _cancel_idle(self, job: int, cause: str) -> None:
        if self._board.states[job] is JobState.WAITING:
            cause = f"{cause} while it waited for attempt {self._board.attempts[job] + 1}"
            self._retries.forget(job)
        self._finish(job, JobState.CANCELLED, cause)

    def _finish(self, job: int, status: JobState, reason: str) -> None:
        self._board.move(job, status)
        self._ended.append(job)
        self._matrices.forget(job)
        allowed = self._jobs[job].allow_failure and status in FAILURES
        if status in FAILURES and not allowed:
            self._matrices.fail(job, lambda other: self._board.states[other] not in TERMINAL)
        self._out.append(JobFinished(job, status, reason, self._board.attempts[job], allowed))

    # What to do.

    def decide(self, now: float) -> list[Command]:
        """What is to be done at this second: Cancels and nothing else, or steps that are due and then launches."""
        if not self._started or self.finished:
            return []
        now = self._clock = max(self._clock, now)
        reason = self._reason_to_stop(now)
        if reason is not None:
            return [Cancel(reason)]
        return [*self._matrices.wishes()] or self._ladder.wishes(now) + self._launches(now)

    def _reason_to_stop(self, now: float) -> CancelReason | None:
        stop = self._stop
        if self._deadline is not None and now >= self._deadline and not (stop is not None and stop.hurried):
            return CancelReason.DEADLINE
        fails_fast = self._policy.fail_fast is not False
        if stop is None and fails_fast and self._board.first_failure is not None:
            return CancelReason.FAIL_FAST
        return None

    def _launches(self, now: float) -> list[Command]:
        for job in self._retries.take_due(now):
            self._lanes.add(job)
        slots = self._free_slots()
        if slots <= 0:
            return []
        hurried = self._stop is not None and self._stop.hurried
        chosen = self._lanes.choose(slots, self._pools, self._jobs, self._may_start)
        return [
            Launch(job, self._board.attempts[job] + 1, self._jobs[job].spec.cleanup_timeout if hurried else None)
            for job in chosen
        ]

    def _may_start(self, job: int) -> bool:
        state = self._board.states[job]
        if state is JobState.WAITING:
            return self._retries.not_before[job] <= self._clock
        return state is JobState.READY

    def _free_slots(self) -> int:
        return self._policy.max_parallel_jobs - len(self._ladder)

    def next_wakeup(self) -> float | None:
        """The next second at which `decide` may say something new without a new fact; None: a fact must come first."""
        if not self._started or self.finished:
            return None
        hurried = self._stop is not None and self._stop.hurried
        waits = self._retries.next_due() if self._free_slots() > 0 else None
        times = (None if hurried else self._deadline, self._ladder.next_due(), waits)
        return min((time for time in times if time is not None), default=None)

    # What is known.

    @property
    def finished(self) -> bool:
        """Whether every job has ended."""
        return self._started and self._board.open == 0

    @property
    def stop(self) -> Stop | None:
        """How far the run is stopped, if it is."""
        return self._stop

    @property
    def running(self) -> tuple[tuple[int, int], ...]:
        """Job and attempt of all that run, oldest first."""
        return tuple(self._ladder)

    @property
    def tally(self) -> Mapping[JobState, int]:
        """How many jobs are in each state."""
        return self._board.tally

    @property
    def result(self) -> RunResult:
        """The result of the run, should it end as it stands."""
        cancelled = self._board.tally[JobState.CANCELLED]
        stopped_by = None if self._stop is None else self._stop.reason
        return run_result(failed=self._board.failures, cancelled=cancelled, stopped_by=stopped_by)

    def state(self, job: int) -> JobState:
        """Where this job stands."""
        return self._board.states[job]

    def attempts(self, job: int) -> int:
        """How many attempts of this job were ever started; also the number of the latest one."""
        return self._board.attempts[job]

    def would_end(self, fact: AttemptFinished) -> bool:
        """Whether this end of an attempt, should it happen, would be the last of its job as things stand."""
        job = fact.job
        if not self._ladder.is_current(job, fact.attempt) or STATUS[fact.verdict] not in FAILURES:
            return True
        stopped = self._stop is not None or self._ladder.is_asked_to_end(job)
        return stopped or not self._retries.would_be_granted(self._jobs[job], fact)

    def not_before(self, job: int) -> float | None:
        """The second from which a waiting job may start again."""
        return self._retries.not_before.get(job)

    def snapshot(self) -> tuple[object, ...]:
        """The whole state, comparable and hashable: equal for a run and its replay, and not changed by `decide`."""
        room = tuple(sorted(self._pools.room.items()))
        parts = (self._board.snapshot(), self._ladder.snapshot(), self._retries.snapshot(), self._matrices.snapshot())
        return (self._started, self._deadline, self._stop, room, *parts)

    def check_invariants(self) -> None:
        """Compare the counts and lines with the states. For tests: it looks at every job."""
        invariants.check_board(self._board, self._jobs)
        invariants.check_lines(self._board, self._ladder, self._retries, self._lanes)
        invariants.check_room(self._pools, self._ladder, self._policy, self._jobs)
        if self._started:
            assert not self._ended
            invariants.check_settled(self._board, self._stop, self._jobs)


def replay(plan: Plan, facts: Iterable[Fact], *, last_grace: float = 10.0) -> Scheduler:
    """The scheduler that these facts lead to. Raises what `apply` raises."""
    scheduler = Scheduler(plan, last_grace=last_grace)
    for fact in facts:
        scheduler.apply(fact)
    return scheduler
