"""Whether a run followed its rules, judged by its journal: an independent check that shares no code with the scheduler.

Every event is judged by the plan and the events before it. After a violation the judge continues as if the event were
right, so that one error is reported once. A run that has not ended is judged as far as it got. At a resume, attempts
under way are gone without an end, and everything that did not succeed starts over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.console.text import count
from orchestrator.engine.outcomes import FAILURE_NAMES
from orchestrator.journal.events import EventRecord
from orchestrator.report.verify.check_rules import CheckRules
from orchestrator.report.verify.condition_rules import ConditionRules
from orchestrator.report.verify.growth_rules import NO_GROWTH, Growing, GrowthRules
from orchestrator.report.verify.need_rules import NeedRules
from orchestrator.report.verify.output_rules import OutputRules
from orchestrator.report.verify.rules import Rule, Violation
from orchestrator.report.verify.run_state import EPSILON, JudgedJob, Phase, Readiness, StopState, jobs_of, result_of
from orchestrator.report.verify.stop_rules import StopRules
from orchestrator.report.verify.unstarted_ends import UnstartedEnds
from orchestrator.report.verify.worker_rules import WorkerRules

__all__ = ["Judge", "Rule", "Violation", "violations"]

ALWAYS_CAP = 30.0  # seconds that a `when: always` job may keep running while the run stops

_REMARKS = frozenset({"degraded", "orphan.killed", "journal.recovered"})


def violations(plan: Mapping[str, Any], events: Iterable[EventRecord]) -> list[Violation]:
    """All violations, in the order of the journal; `plan` is the object in `plan.json`."""
    judge = Judge(plan)
    for event in events:
        judge.check(event)
    return judge.found


class Judge:
    """Pass the events of a journal to `check` in order; `found` grows. `finished`: the run has ended. `growing`
    says how the plan has grown."""

    def __init__(self, plan: Mapping[str, Any], growing: Growing = NO_GROWTH) -> None:
        self.found: list[Violation] = []
        self._digest = plan["digest"]
        self._policy = plan["policy"]
        self._jobs = jobs_of(plan)
        self._job_of = {job.id: job for job in self._jobs}
        self._line = 0
        self._at = 0.0
        self._cap: int = self._policy["max_parallel_jobs"]
        self._pools: Mapping[str, int] = self._policy["pools"]
        self._need_rules = NeedRules(self._jobs)
        self._output_rules = OutputRules(self._jobs)
        self._condition_rules = ConditionRules(self._jobs, self._output_rules)
        self._growth_rules = GrowthRules(growing, self._jobs, self._output_rules, self._condition_rules)
        self._unstarted_ends = UnstartedEnds(
            self._need_rules, self._condition_rules, self._output_rules, self._growth_rules
        )
        self._stop_rules = StopRules(self._policy["fail_fast"])
        self._check_rules = CheckRules()
        self._worker_rules = WorkerRules()
        self._taken: Counter[str] = Counter()
        self._running = 0
        self._stop = StopState()
        self.finished = False

    def check(self, event: EventRecord) -> None:
        """Judge the next event."""
        self._line += 1
        name, at = event["event"], event["at"]
        if (self._line == 1) != (name == "run.started"):
            self._report(Rule.ORDER, f"event {self._line} is `{name}`; only the first event must be `run.started`")
        if at < self._at - EPSILON:
            self._report(Rule.ORDER, f"second {at} follows second {self._at}")
        self._at = max(at, self._at)
        if self.finished and name != "run.resumed" and name not in _REMARKS:
            self._report(Rule.ORDER, f"`{name}` after the end of the run")
        if (check := _CHECKS.get(name)) is not None:
            check(self, event)
        for message in self._worker_rules.broken_by(event):
            self._report(Rule.WORKER, message)

    # The run.

    def _run_started(self, event: EventRecord) -> None:
        if event["plan_digest"] != self._digest:
            self._report(Rule.PLAN, f"the run used plan `{event['plan_digest']}`, this is plan `{self._digest}`")
        self._cap, self._pools = event["max_parallel_jobs"], event["pools"]
        self._stop_rules.fail_fast = event["fail_fast"]
        self._need_rules.begin(event["version"])
        self._check_rules.begin(event.get("invocation", {}))
        self._begin(event["at"])

    def _run_resumed(self, event: EventRecord) -> None:
        for job in self._jobs:
            job.reopen()
        self._need_rules.resume()
        self._growth_rules.resume()
        self._taken.clear()
        self._cap, self._running, self._stop, self.finished = event["max_parallel_jobs"], 0, StopState(), False
        self._begin(event["at"])

    def _begin(self, at: float) -> None:
        self._stop_rules.begin(at, self._policy["timeout_seconds"])

    def _run_finished(self, event: EventRecord) -> None:
        self.finished = True
        for job in self._jobs:
            if job.phase is not Phase.ENDED:
                self._report(Rule.STATUS, f"the run finished before `{job.id}` ended")
        result, code = event["result"], event["exit_code"]
        if result != (by_jobs := result_of(self._jobs, self._stop)):
            self._report(Rule.RESULT, f"the result is {result}; by its jobs it is {by_jobs}")
        if code < 128 and (code == 0) != (result == "SUCCESS"):
            self._report(Rule.RESULT, f"exit code {code} does not match {result}")
        if abs(event["wall_seconds"] - event["at"]) > EPSILON:
            self._report(Rule.RESULT, f"wall time is {event['wall_seconds']} s at second {event['at']}")

    def _cancel_requested(self, event: EventRecord) -> None:
        if event["job"] is not None:
            self._cancel_job(event)
            return
        if all(job.phase is Phase.ENDED for job in self._jobs):
            return  # nothing is left to stop
        if why := self._stop_rules.violation_of_stop(event):
            self._report(Rule.STOP, why)
        stop, by_fail_fast = self._stop, event["reason"] == "fail_fast"
        stop.on = True
        stop.forced |= event["force"]
        if stop.kills_since is None and (event["force"] or not by_fail_fast or self._stop_rules.fail_fast != "drain"):
            stop.kills_since = event["at"]
        if not by_fail_fast and stop.hurried_at is None:
            stop.hurried_at = event["at"]

    def _cancel_job(self, event: EventRecord) -> None:
        job = self._job(event)
        for one in self._growth_rules.cells_to_come(event["job"]) if job is None else [job]:
            one.cancel(force=event["force"])

    def _attempt_started(self, event: EventRecord) -> None:
        job = self._job(event)
        if job is None:
            return
        self._judge_start(job, event)
        if job.phase is not Phase.RUNNING:
            self._running += 1
            self._count_start(job)
        job.phase, job.attempt, job.started_at = Phase.RUNNING, event["attempt"], event["at"]
        job.spawned = job.end_requested = False
        job.term_at = None

    def _judge_start(self, job: JudgedJob, event: EventRecord) -> None:
        name, number = f"`{job.id}`", event["attempt"]
        if number != job.attempt + 1:
            self._report(Rule.ATTEMPT, f"{name} starts attempt {number} after attempt {job.attempt}")
        if job.is_group:
            self._report(Rule.ATTEMPT, f"{name} is a group, which has nothing to run")
        if job.phase is Phase.RUNNING:
            self._report(Rule.ATTEMPT, f"{name} starts attempt {number} while attempt {job.attempt} is under way")
        elif job.phase is Phase.ENDED:
            self._report(Rule.ATTEMPT, f"{name} starts attempt {number} after it {job.phrase}")
        elif job.phase is Phase.AWAITING_RETRY_DECISION:
            self._report(Rule.RETRY, f"{name} starts attempt {number}, which was not scheduled")
        elif job.phase is Phase.WAITING and event["at"] < job.not_before - EPSILON:
            self._report(Rule.BACKOFF, f"{name} starts at second {event['at']}, not before second {job.not_before}")
        self._check_readiness(job)
        self._report_if(self._stop_rules.violation_at_start(job, event["at"], self._stop), f"{name} starts")
        if job.uses and self._output_rules.may_not_start(job):
            self._report(Rule.OUTPUTS, f"{name} starts although a value that it uses is missing or too long")
        if job.unmet and self._growth_rules.is_unmet(job):
            self._report(Rule.GROWTH, f"{name} starts although it needs a job that did not come")

    def _check_readiness(self, job: JudgedJob) -> None:
        """Whether everything it waits for has ended, and lets it run."""
        gate, others = self._need_rules.gate(job)
        if gate is Readiness.WAIT:
            self._report(Rule.NEEDS, f"`{job.id}` starts before its need `{others[0].id}` has ended")
        elif gate is Readiness.SHUT:
            why = f"its need `{others[0].id}` {others[0].phrase}" if others else "no need of it failed"
            self._report(Rule.NEEDS, f"`{job.id}` starts although {why}")
        elif not self._condition_rules.holds(job):
            self._report(Rule.CONDITION, f"`{job.id}` starts although its `if` does not hold")
        for index in job.after:
            if self._jobs[index].phase is not Phase.ENDED:
                self._report(Rule.AFTER, f"`{job.id}` starts before `{self._jobs[index].id}` has ended")

    def _count_start(self, job: JudgedJob) -> None:
        if self._running > self._cap:
            self._report(
                Rule.CAP, f"with `{job.id}` {count(self._running, 'attempt')} running, at most {self._cap} allowed"
            )
        for pool, amount in job.pools.items():
            self._taken[pool] += amount
            if self._taken[pool] > self._pools.get(pool, 0):
                taken = f"{self._taken[pool]} of pool `{pool}` taken, its size is {self._pools.get(pool, 0)}"
                self._report(Rule.POOL, f"with `{job.id}` {taken}")

    def _attempt_spawned(self, event: EventRecord) -> None:
        job = self._under_way(event, "has a process")
        if job is not None:
            if job.spawned:
                self._report(Rule.ATTEMPT, f"attempt {job.attempt} of `{job.id}` has a second process")
            job.spawned = True

    def _attempt_finished(self, event: EventRecord) -> None:
        job = self._under_way(event, "ends")
        if job is None:
            return
        self._count_end(job)
        self._report_if(self._stop_rules.violation_at_end(job, event["at"], self._stop), f"`{job.id}` ends")
        verdict = event["verdict"]
        job.phase, job.verdict, job.exit_code = Phase.AWAITING_RETRY_DECISION, verdict, event["exit_code"]
        job.failed += verdict in ("failed", "timed_out")
        job.count_lost(event)
        if verdict == "succeeded" and (event["exit_code"] or event["signal"]):
            ended = event["signal"] or f"exit code {event['exit_code']}"
            self._report(Rule.STATUS, f"`{job.id}` succeeded with {ended}")
        if verdict == "succeeded":
            job.values = event.get("outputs", {})
            if wrong := self._output_rules.violation_at_success(job):
                self._report(Rule.OUTPUTS, wrong)
        if verdict == "killed" and not job.end_requested:
            self._report(Rule.KILL, f"`{job.id}` was stopped on request, but nothing requested it")

    def _kill_sent(self, event: EventRecord) -> None:
        job = self._under_way(event, "is sent a signal")
        if job is None:
            return
        at, stop = event["at"], self._stop
        asked = job.cancelled or stop.forced or (stop.kills and stop.covers(job))
        hurried = stop.hurried_at is not None and at >= stop.hurried_at + ALWAYS_CAP - EPSILON
        if not asked and not hurried and job.term_at is None:
            self._report(Rule.KILL, f"`{job.id}` is sent a signal, but nothing requested its end")
        if event["force"] and not (stop.forced or job.forced):
            if job.term_at is None or at < job.term_at + job.grace - EPSILON:
                self._report(Rule.KILL, f"`{job.id}` is killed before its grace period of {job.grace:g} s was over")
        elif not event["force"] and job.term_at is None:
            job.term_at = at
        job.end_requested = True

    def _under_way(self, event: EventRecord, what: str) -> JudgedJob | None:
        """The job of an event about its current attempt; None if no attempt is under way."""
        job = self._job(event)
        if job is None:
            return None
        if job.phase is not Phase.RUNNING or event["attempt"] != job.attempt:
            self._report(Rule.ATTEMPT, f"attempt {event['attempt']} of `{job.id}` {what} but is not under way")
        return job if job.phase is Phase.RUNNING else None

    def _count_end(self, job: JudgedJob) -> None:
        self._running -= 1
        self._taken.subtract(job.pools)

    # What follows from ends.

    def _retry_scheduled(self, event: EventRecord) -> None:
        job = self._job(event)
        if job is None:
            return
        name = f"`{job.id}`"
        if event["attempt"] != job.attempt + 1:
            self._report(Rule.ATTEMPT, f"attempt {event['attempt']} of {name} is scheduled after attempt {job.attempt}")
        if job.phase is not Phase.AWAITING_RETRY_DECISION:
            self._report(Rule.RETRY, f"{name} is retried, but no attempt of it has just ended")
        elif job.verdict not in FAILURE_NAMES or not job.may_be_retried:
            self._report(Rule.RETRY, f"{name} is retried, but its policy does not allow that after {job.verdict}")
        elif self._stop.on or job.end_requested:
            self._report(Rule.RETRY, f"{name} is retried after its end was requested")
        least, most = job.retry.wait(max(1, job.failed + job.lost))
        wait = event["not_before"] - event["at"]
        if not least - EPSILON <= wait <= most + EPSILON:
            self._report(Rule.BACKOFF, f"{name} waits {wait:g} s, its policy demands {least:g} to {most:g} s")
        if job.phase is not Phase.RUNNING:
            job.phase, job.not_before = Phase.WAITING, event["not_before"]

    def _job_adopted(self, event: EventRecord) -> None:
        job = self._job(event)
        if job is not None:
            if job.phase is Phase.RUNNING:
                self._report(Rule.STATUS, f"`{job.id}` is reused while attempt {job.attempt} is under way")
            job.reuse(event)

    def _job_checked(self, event: EventRecord) -> None:
        job = self._job(event)
        if job:
            self._report_if(self._check_rules.violation(job, event, self._need_rules, self._stop), f"`{job.id}`")
            job.reuse(event)

    def _job_finished(self, event: EventRecord) -> None:
        job, status = self._job(event), event["status"]
        if job is None:
            for cell in self._growth_rules.end_before_growth(event["job"], status):
                self._has_ended(cell, status)
            return
        if job.phase is Phase.ENDED:
            self._report(Rule.STATUS, f"`{job.id}` ends as {status} after it {job.phrase}")
        elif job.phase is Phase.RUNNING:
            self._report(Rule.STATUS, f"`{job.id}` ends as {status} while attempt {job.attempt} is under way")
            self._count_end(job)
        else:
            _END_CHECKS[status](self, job, event)
        if event["attempts"] != job.attempt:
            recorded = count(event["attempts"], "attempt")
            self._report(Rule.ATTEMPT, f"`{job.id}` ends after {recorded}; it had {job.attempt}")
        if event["allowed"] != (job.may_fail and status in FAILURE_NAMES):
            self._report(Rule.STATUS, f"`{job.id}` ends as {status} with `allowed` {str(event['allowed']).lower()}")
        self._has_ended(job, status)

    def _has_ended(self, job: JudgedJob, status: str) -> None:
        job.phase, job.status = Phase.ENDED, status
        self._need_rules.ended(job)
        self._stop_rules.ended(job, status)

    def _succeeded(self, job: JudgedJob, event: EventRecord) -> None:
        if job.phase is Phase.AWAITING_RETRY_DECISION:
            self._judge_verdict(job, "succeeded", "succeeded")
        elif job.is_group and not job.adopted:
            self._check_readiness(job)
        elif not (job.adopted or job.cached):
            self._report(Rule.STATUS, f"`{job.id}` ends as succeeded without such an attempt")

    def _failed(self, job: JudgedJob, event: EventRecord) -> None:
        status = event["status"]
        if status == "failed" and job.phase is Phase.IDLE and (job.uses or self._growth_rules.may_fail(job)):
            self._check_readiness(job)
            self._report_if(self._unstarted_ends.failed(job, self._stop), f"`{job.id}`")
            return
        if job.phase is not Phase.AWAITING_RETRY_DECISION:
            self._report(Rule.STATUS, f"`{job.id}` ends as {status} without such an attempt")
            return
        self._judge_verdict(job, status, status)
        if job.verdict in FAILURE_NAMES and job.may_be_retried and not (self._stop.on or job.end_requested):
            self._report(Rule.RETRY, f"`{job.id}` ends as {status}, but its policy grants another attempt")

    def _was_cancelled(self, job: JudgedJob, event: EventRecord) -> None:
        if job.phase is Phase.AWAITING_RETRY_DECISION:
            self._judge_verdict(job, "cancelled", "killed")
        else:
            self._report_if(self._unstarted_ends.cancelled(job, self._stop), f"`{job.id}`")

    def _was_skipped(self, job: JudgedJob, event: EventRecord) -> None:
        self._report_if(self._unstarted_ends.skipped(job, event["reason"]), f"`{job.id}`")

    def _was_left_out(self, job: JudgedJob, event: EventRecord) -> None:
        self._report_if(self._unstarted_ends.left_out(job), f"`{job.id}`")

    def _judge_verdict(self, job: JudgedJob, status: str, verdict: str) -> None:
        if job.verdict != verdict:
            self._report(Rule.STATUS, f"`{job.id}` ends as {status}, its last attempt as {job.verdict}")

    # Helpers.

    def _matrix_expanded(self, event: EventRecord) -> None:
        self._report_if(self._growth_rules.violation_of_expansion(event), "the matrix")

    def _job(self, event: EventRecord) -> JudgedJob | None:
        job = self._job_of.get(event["job"])
        if job is None and not self._growth_rules.has_left(event["job"]):
            self._report(Rule.PLAN, f"`{event['job']}` is not a job of the plan")
        return job

    def _report_if(self, found: tuple[Rule, str] | None, what: str) -> None:
        if found is not None:
            self._report(found[0], f"{what} {found[1]}")

    def _report(self, rule: Rule, message: str) -> None:
        self.found.append(Violation(self._line, rule, message))


_CHECKS: dict[str, Callable[[Judge, EventRecord], None]] = {
    "run.started": Judge._run_started,
    "run.resumed": Judge._run_resumed,
    "run.finished": Judge._run_finished,
    "cancel.requested": Judge._cancel_requested,
    "attempt.started": Judge._attempt_started,
    "attempt.spawned": Judge._attempt_spawned,
    "attempt.finished": Judge._attempt_finished,
    "kill.sent": Judge._kill_sent,
    "retry.scheduled": Judge._retry_scheduled,
    "matrix.expanded": Judge._matrix_expanded,
    "job.adopted": Judge._job_adopted,
    "job.cached": Judge._job_checked,
    "job.must_run": Judge._job_checked,
    "job.finished": Judge._job_finished,
}

_END_CHECKS: dict[str, Callable[[Judge, JudgedJob, EventRecord], None]] = {
    "succeeded": Judge._succeeded,
    "failed": Judge._failed,
    "timed_out": Judge._failed,
    "lost": Judge._failed,
    "cancelled": Judge._was_cancelled,
    "skipped": Judge._was_skipped,
    "left_out": Judge._was_left_out,
}
