"""The laws of a run, judged the naive way: a second scheduler that looks at everything each time and shares no code.

`saw` judges a fact and what followed from it; `ask` asks the scheduler what to do and judges the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from support.attempts_by_law import BAD, LOST_BUDGET, STATUS, Attempt, S, judge_wait
from support.growth_by_law import GrowthByLaw
from support.values_by_law import ValuesByLaw

from orchestrator.engine.checks import AT_ONCE
from orchestrator.engine.commands import Cancel, Check, Command, GiveUp, Kill, Launch
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
    MatrixExpanded,
    RetryScheduled,
    RunResumed,
    RunStarted,
)
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.plan.model import Order, Plan, PlannedJob, When


class Laws:
    """What is known of one run, and whether it is lawful. Every method asserts."""

    def __init__(self, plan: Plan) -> None:
        self.jobs, self.policy = list(plan.jobs), plan.policy
        cluster = plan.policy.cluster
        self.last_grace = 10.0 if cluster is None or cluster.lease < 5 else cluster.lease + 5
        self.values = ValuesByLaw(self.jobs)
        self.growth = GrowthByLaw(self.jobs, self.values)
        self.began = False
        self.ended: dict[int, JobState] = {}
        self.running: dict[int, Attempt] = {}
        self.waiting: dict[int, float] = {}
        self.numbers = [0] * len(plan.jobs)
        self._forget()
        self._silent_until: float | None = None  # an empty answer holds until then, unless a fact comes
        self._silent = False

    def _forget(self) -> None:
        self.failed = [0] * len(self.jobs)
        self.lost = [0] * len(self.jobs)
        self.evicted = [0] * len(self.jobs)
        self.stopped_by: CancelReason | None = None
        self.hurried = self.forced = self.kills = False
        self.to_cancel: set[int] = set()  # by another failure in their matrix
        self.doomed: set[int] = set()  # cancelled before what they need has ended
        self.failed_matrices: set[str] = set()
        self.must_run: dict[int, None] = {}  # checked, and not up to date
        self.unchecked: list[int] = []  # jobs to check, in the order in which they became ready

    # Facts.

    def saw(
        self, fact: Fact, consequences: Sequence[Consequence], before: tuple[object, ...], scheduler: Scheduler
    ) -> None:
        """A fact was applied to the scheduler, whose snapshot was `before` if the fact is late."""
        self._silent = False
        expected: dict[int, JobState] = {}
        retried: int | None = None
        match fact:
            case RunStarted():
                self.began, self.began_at = True, fact.at
            case RunResumed():
                self.ended = {job: state for job, state in self.ended.items() if state in (S.SUCCEEDED, S.EXPANDED)}
                self.running, self.waiting, self.began_at = {}, {}, fact.at
                self._forget()
            case JobAdopted():
                if fact.job not in self.ended:
                    self.values.of[fact.job] = fact.outputs
                    expected[fact.job] = S.SUCCEEDED
            case JobCached():
                assert fact.job in self.unchecked, "only what waits for its check is up to date"
                self.values.of[fact.job] = fact.outputs
                expected[fact.job] = S.SUCCEEDED
            case JobMustRun():
                assert fact.job in self.unchecked, "only what waits for its check is checked"
                self.must_run[fact.job] = None
            case AttemptStarted():
                self._judge_start(fact)
            case AttemptFinished() | KillSent() if self.is_late(fact):
                assert consequences == (), "a late answer changes nothing"
                assert scheduler.snapshot() == before, "a late answer changes nothing"
            case AttemptFinished():
                retried = self._end_attempt(fact, expected)
            case KillSent():
                attempt = self.running[fact.job]
                (attempt.kill_sent if fact.force else attempt.term_sent).append(fact.at)
            case CancelRequested():
                self._cancel(fact, expected)
        self.ended |= expected
        expected |= self._follow()
        self._cancel_matrix(expected)
        if isinstance(fact, CancelRequested):
            self.to_cancel.discard(-1 if fact.job is None else fact.job)
        self._judge_consequences(consequences, expected, retried, fact)
        self.to_cancel -= self.ended.keys()
        self._list_unchecked()
        self._judge_states(scheduler)

    def _list_unchecked(self) -> None:
        """Jobs that became ready together are to be checked in any order."""
        waiting = {job.index for job in self.jobs if self._awaits_check(job)}
        self.unchecked = [job for job in self.unchecked if job in waiting]
        self.unchecked += sorted(waiting - set(self.unchecked))

    def _awaits_check(self, job: PlannedJob) -> bool:
        """Whether a job that is ready has yet to be checked, since its needs succeeded and it has inputs."""
        if job.spec.inputs is None or not job.spec.cache or job.when is When.FAILURE or job.index in self.must_run:
            return False
        if job.run_matrix is not None:
            return False
        is_idle = job.index not in self.waiting and self._is_ready(job, 0.0)
        return is_idle and all(map(self._succeeded_really, job.needs))

    def _succeeded_really(self, number: int) -> bool:
        job, state = self.jobs[number], self.ended.get(number)
        looks_behind = state is S.LEFT_OUT or (state is S.SUCCEEDED and job.spec.is_group)
        return all(map(self._succeeded_really, job.needs)) if looks_behind else state is S.SUCCEEDED

    def _cancel_matrix(self, ended: dict[int, JobState]) -> None:
        """The first failure of a matrix that fails fast cancels its other jobs."""
        for number, state in ended.items():
            job = self.jobs[number]
            fails_its_matrix = job.matrix_fail_fast and state in BAD and not job.allow_failure
            if fails_its_matrix and job.workflow not in self.failed_matrices:
                self.failed_matrices.add(job.workflow)
                self.to_cancel |= {other.index for other in self.jobs if other.workflow == job.workflow}
        self.to_cancel -= self.ended.keys()

    def is_late(self, fact: Fact) -> bool:
        """Whether it is about an attempt that is not under way (any more)."""
        if not isinstance(fact, AttemptFinished | KillSent):
            return False
        attempt = self.running.get(fact.job)
        return attempt is None or attempt.number != fact.attempt

    def _judge_start(self, fact: AttemptStarted) -> None:
        job = self.jobs[fact.job]
        assert job.index not in self.ended, "terminal states absorb, and a success is never redone"
        assert job.index not in self.running, "one attempt at a time"
        assert job.index not in self.unchecked, "what may be up to date is checked before it starts"
        assert all(other in self.ended for other in (*job.needs, *job.after)), "needs before starts"
        assert self._ancestors(job) <= self.ended.keys(), "nothing starts before all its ancestors have ended"
        assert self._gate(job) == "run", "needs before starts"
        assert fact.at >= self.waiting.get(job.index, 0), "backoff waited out"
        assert not self._covered(job), "nothing starts after a stop except `when: always`"
        assert fact.attempt == self.numbers[job.index] + 1, "attempt numbers never restart"
        assert self.failed[job.index] < max(job.retry.max_attempts, 1), "retry budget"
        assert self.lost[job.index] <= LOST_BUDGET, "retry budget"
        self.waiting.pop(job.index, None)
        self.numbers[job.index] = fact.attempt
        self.running[job.index] = Attempt(fact.attempt)
        assert len(self.running) <= self.policy.max_parallel_jobs, "cap never oversold"
        assert all(room >= 0 for room in self._room().values()), "pools never oversold"

    def _end_attempt(self, fact: AttemptFinished, expected: dict[int, JobState]) -> int | None:
        job, attempt = self.jobs[fact.job], self.running.pop(fact.job)
        if fact.verdict is Verdict.SUCCEEDED:
            self.values.of[job.index] = fact.outputs
        granted = False
        if fact.verdict is Verdict.LOST and fact.evicted and self.evicted[job.index] < 10:
            self.evicted[job.index] += 1
            granted = True
        elif fact.verdict is Verdict.LOST:
            self.lost[job.index] += 1
            granted = self.lost[job.index] <= LOST_BUDGET
        elif fact.verdict in (Verdict.FAILED, Verdict.TIMED_OUT):
            self.failed[job.index] += 1
            by_exit = fact.verdict is Verdict.FAILED and fact.exit_code in job.retry.on_exit
            by_kind = job.retry.on_failed if fact.verdict is Verdict.FAILED else job.retry.on_timed_out
            granted = (by_exit or by_kind) and self.failed[job.index] < job.retry.max_attempts
        if granted and self.stopped_by is None and not attempt.is_ending:
            return job.index
        expected[job.index] = STATUS[fact.verdict]
        return None

    def _cancel(self, fact: CancelRequested, expected: dict[int, JobState]) -> None:
        if fact.job is not None:
            if fact.job in self.running:
                attempt = self.running[fact.job]
                (attempt.forced if fact.force else attempt.asked).append(fact.at)
            elif fact.job not in self.ended:
                self.doomed.add(fact.job)
                if self.waiting.pop(fact.job, None) is not None:
                    expected[fact.job] = S.CANCELLED
            return
        if self._finished():
            return
        by_fail_fast = fact.reason is CancelReason.FAIL_FAST
        if self.stopped_by is None or (self.stopped_by is CancelReason.FAIL_FAST and not by_fail_fast):
            self.stopped_by = fact.reason
        self.hurried |= not by_fail_fast
        self.forced |= fact.force
        self.kills |= fact.force or not (by_fail_fast and self.policy.fail_fast == "drain")
        for number in [number for number in self.waiting if self._covered(self.jobs[number])]:
            expected[number] = S.CANCELLED
            del self.waiting[number]
        for number, attempt in self.running.items():
            if self.forced:
                attempt.forced.append(fact.at)
            elif self.kills and self._covered(self.jobs[number]):
                attempt.asked.append(fact.at)
            elif self.hurried:
                attempt.asked.append(fact.at + self.jobs[number].spec.cleanup_timeout)

    def _follow(self) -> dict[int, JobState]:
        """What must be so at once, to a fixed point. A placeholder is expanded when nothing else follows."""
        followed: dict[int, JobState] = {}
        expands = False
        while self.began:
            found = False
            for job in self.jobs:
                if (state := self._must_become(job, expands=expands)) is None:
                    continue
                found = True
                followed[job.index] = self.ended[job.index] = state
                if state is S.EXPANDED:
                    self.growth.expand(job, self.growth.end_of(job, self.ended)[1], self.ended, self.doomed)
                    new = [0] * (len(self.jobs) - len(self.numbers))
                    self.numbers += new
                    self.failed += new
                    self.lost += new
                if expands:
                    break
            if expands and not found:
                break
            expands = not found
        return {job: state for job, state in followed.items() if state is not S.EXPANDED}

    def _must_become(self, job: PlannedJob, *, expands: bool) -> JobState | None:
        if job.index in self.ended or job.index in self.running or job.index in self.waiting:
            return None
        gate = self._gate(job)
        if job.index in self.doomed and gate != "wait":
            return S.CANCELLED
        if gate == "skip":
            return S.SKIPPED
        if gate == "wait" or not all(map(self._has_settled, job.after)):
            return None
        if not self.values.condition_holds(job, self.ended):
            return S.LEFT_OUT
        if job.spec.is_group:
            return S.SUCCEEDED
        if self._covered(job):
            return S.CANCELLED
        if job.run_matrix is not None:
            return self.growth.end_of(job, self.ended)[0] if expands else None
        if self.growth.is_unmet(job, self.ended):
            return S.FAILED
        return S.FAILED if self.values.may_not_start(job, self.ended) else None

    def _gate(self, job: PlannedJob) -> str:
        if not all(map(self._has_settled, job.needs)):
            return "wait"
        if job.when is When.SUCCESS:
            return "run" if all(map(self._went_well, job.needs)) else "skip"
        return "run" if job.when is When.ALWAYS or any(map(self._leads_to_failure, job.needs)) else "skip"

    def _ancestors(self, job: PlannedJob) -> set[int]:
        """All that it needs, at any distance."""
        return set(job.needs).union(*(self._ancestors(self.jobs[need]) for need in job.needs))

    def _has_settled(self, number: int) -> bool:
        """Whether a job and all its ancestors have ended. A kept success may have needs that run again."""
        return number in self.ended and self._ancestors(self.jobs[number]) <= self.ended.keys()

    def _leads_to_failure(self, number: int) -> bool:
        """Whether a job that has ended failed, or was skipped behind one that did, at any distance."""
        if self.ended[number] is S.SKIPPED:
            return any(map(self._leads_to_failure, self.jobs[number].needs))
        return self.ended[number] in BAD and not self._went_well(number)

    def _went_well(self, number: int) -> bool:
        state = self.ended[number]
        return state in (S.SUCCEEDED, S.LEFT_OUT) or (state in BAD and self.jobs[number].allow_failure)

    def _covered(self, job: PlannedJob) -> bool:
        return self.stopped_by is not None and (self.forced or job.when is not When.ALWAYS)

    def _finished(self) -> bool:
        return self.began and len(self.ended) == len(self.jobs)

    def _judge_consequences(
        self, consequences: Sequence[Consequence], expected: dict[int, JobState], retried: int | None, fact: Fact
    ) -> None:
        ends = [consequence for consequence in consequences if isinstance(consequence, JobFinished)]
        assert {consequence.job: consequence.status for consequence in ends} == expected, (
            "skip and cancel at once; the status is true"
        )
        assert len(ends) == len(expected), "an end is reported once"
        grown = [
            (one.job, [dict(cell.values) for cell in one.cells])
            for one in consequences
            if isinstance(one, MatrixExpanded)
        ]
        assert grown == self.growth.news, "cells are those of the value, in the same step"
        self.growth.news.clear()
        places = {consequence.job: place for place, consequence in enumerate(ends)}
        for consequence in ends:
            job = self.jobs[consequence.job]
            assert consequence.allowed == (job.allow_failure and consequence.status in BAD)
            assert consequence.attempts == self.numbers[job.index]
            if consequence.status is S.SKIPPED and job.when is When.SUCCESS:
                earlier = [
                    need for need in job.needs if places.get(need, -1) < places[job.index] and need in self.ended
                ]
                named = [need for need in earlier if f"need `{self.jobs[need].id}` " in consequence.reason]
                assert len(named) == 1, "the reason names a need that ended before"
                assert not self._went_well(named[0])
                if any(map(self._leads_to_failure, job.needs)):
                    culprit = [other for other in self._failures() if f"`{self.jobs[other].id}`" in consequence.reason]
                    assert culprit, "the reason of a skip behind a failure names the job that failed"
                    assert culprit[0] in self._ancestors(job)
        retries = [consequence for consequence in consequences if isinstance(consequence, RetryScheduled)]
        assert [consequence.job for consequence in retries] == ([] if retried is None else [retried]), "retry budget"
        for again in retries:
            job = self.jobs[again.job]
            judge_wait(job.retry, max(1, self.failed[job.index] + self.lost[job.index]), again.not_before - fact.at)
            assert again.attempt == self.numbers[job.index] + 1
            self.waiting[again.job] = again.not_before

    def _judge_states(self, scheduler: Scheduler) -> None:
        scheduler.check_invariants()
        for job in self.jobs:
            assert scheduler.table.states[job.index] is self._state(job), f"needs before starts: {job.id}"
            assert scheduler.table.attempts[job.index] == self.numbers[job.index]
            assert scheduler.not_before(job.index) == self.waiting.get(job.index)
        assert scheduler.finished == self._finished()
        assert scheduler.result == self._result()
        assert (scheduler.stop and scheduler.stop.reason) == self.stopped_by

    def _state(self, job: PlannedJob) -> JobState:
        if job.index in self.ended:
            return self.ended[job.index]
        if job.index in self.running:
            return S.RUNNING
        if job.index in self.waiting:
            return S.WAITING
        return S.READY if self._is_ready(job, 0.0) else S.PENDING

    def _is_ready(self, job: PlannedJob, now: float) -> bool:
        if job.index in self.ended or job.index in self.running or not self.began:
            return False
        if job.index in self.waiting:
            return self.waiting[job.index] <= now
        return self._gate(job) == "run" and all(map(self._has_settled, job.after))

    def _failures(self) -> list[int]:
        return [number for number, state in self.ended.items() if state in BAD and not self._went_well(number)]

    def _result(self) -> str:
        if self.stopped_by in (CancelReason.USER, CancelReason.DEADLINE):
            return "CANCELLED"
        if self._failures():
            return "FAILED"
        return "CANCELLED" if S.CANCELLED in self.ended.values() else "SUCCESS"

    # Commands.

    def ask(self, scheduler: Scheduler, now: float) -> list[Command]:
        """What the scheduler returns now."""
        before = scheduler.snapshot()
        commands = scheduler.decide(now)
        assert scheduler.snapshot() == before, "decide moves nothing"
        assert scheduler.decide(now) == commands, "decide moves nothing"
        checks = [command for command in commands if isinstance(command, Check)]
        steps = [command for command in commands if not isinstance(command, Launch | Check)]
        launches = [command for command in commands if isinstance(command, Launch)]
        assert commands == [*steps, *checks, *launches], "steps before launches"
        wanted_steps, wanted_launches = self._expected_commands(now)
        wanted_checks = self._wanted_checks(now, wanted_steps)
        assert all(check in wanted_checks for check in checks), "checked is what may be up to date"
        assert len(checks) == min(len(wanted_checks), AT_ONCE), "checked is what may be up to date"
        assert launches == wanted_launches, "cap and pools never oversold, nor left idle; best first"
        assert sorted(steps, key=repr) == sorted(wanted_steps, key=repr), "a stop takes its steps in time"
        if self._silent and (self._silent_until is None or now < self._silent_until):
            assert commands == [], "next_wakeup never comes too late"
        self._judge_wakeup(scheduler, now, commands)
        return commands

    def _judge_wakeup(self, scheduler: Scheduler, now: float, commands: Sequence[Command]) -> None:
        wakeup = scheduler.next_wakeup()
        self._silent, self._silent_until = not commands, wakeup
        if commands:
            return
        assert wakeup is None or wakeup > now, "the loop never spins"
        assert self._finished() or self.running or wakeup is not None, "never stuck"
        times = [*self.waiting.values(), *(step[0] for step in self._steps().values())]
        if self.policy.timeout is not None:
            times.append(self.began_at + self.policy.timeout)
        assert wakeup is None or wakeup in times, "no idle wake-ups"
        for time in sorted(times):
            if time > now and self._expected_commands(time) != ([], []):
                assert wakeup is not None, "never stuck"
                assert wakeup <= time, "next_wakeup never comes too late"
                break

    def _steps(self) -> dict[int, tuple[float, str]]:
        steps = {}
        for number, attempt in self.running.items():
            step = attempt.step(self.jobs[number].spec.grace, self.last_grace)
            if step is not None:
                steps[number] = step
        return steps

    def _expected_commands(self, now: float) -> tuple[list[Command], list[Launch]]:
        if self._finished() or not self.began:
            return [], []
        if self.policy.timeout is not None and now >= self.began_at + self.policy.timeout and not self.hurried:
            return [Cancel(CancelReason.DEADLINE)], []
        if self.policy.fail_fast is not False and self._failures() and self.stopped_by is None:
            return [Cancel(CancelReason.FAIL_FAST)], []
        if self.to_cancel:
            return [Cancel(CancelReason.FAIL_FAST, number) for number in self.to_cancel], []
        steps: list[Command] = []
        for number, (due, what) in self._steps().items():
            if due <= now:
                attempt = self.running[number].number
                give_up = what == "give up"
                steps.append(GiveUp(number, attempt) if give_up else Kill(number, attempt, what == "kill"))
        if any(isinstance(step, GiveUp) for step in steps):
            return steps, []
        return steps, self._launches(now)

    def _wanted_checks(self, now: float, steps: Sequence[Command]) -> list[Check]:
        if self._finished() or not self.began or any(isinstance(step, Cancel | GiveUp) for step in steps):
            return []
        return [Check(number, self._values_of(self.jobs[number])) for number in self.unchecked]

    def _values_of(self, job: PlannedJob) -> dict[str, str]:
        return {name: value or "" for name, value in self.values.used_by(job, self.ended).items()}

    def _launches(self, now: float) -> list[Launch]:
        ranked = self.policy.order is Order.CRITICAL_PATH
        queue = sorted(
            (job for job in self.jobs if self._is_ready(job, now) and job.index not in self.unchecked),
            key=lambda job: (-job.priority, -job.rank if ranked else 0, self.growth.place[job.index]),
        )
        room, taken, launches = self._room(), set[str](), list[Launch]()
        for job in queue:
            if len(self.running) + len(launches) >= self.policy.max_parallel_jobs:
                break
            names = {pool for pool, _ in job.pools}
            if names & taken or any(amount > room[pool] for pool, amount in job.pools):
                taken |= names
                continue
            for pool, amount in job.pools:
                room[pool] -= amount
            cap = job.spec.cleanup_timeout if self.hurried else None
            launches.append(Launch(job.index, self.numbers[job.index] + 1, cap, self._values_of(job)))
        return launches

    def _room(self) -> dict[str, int]:
        room = dict(self.policy.pools)
        for number in self.running:
            for pool, amount in self.jobs[number].pools:
                room[pool] -= amount
        return room
