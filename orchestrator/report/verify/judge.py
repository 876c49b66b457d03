"""Whether a journal tells of a run that kept its rules: an independent judge, which shares no code with the scheduler.

Every event is judged by the plan and by the events before it. After a violation the judge goes on as if the event were
right, so that one fault is told once. A run that has not ended is judged as far as it got. At a resume, attempts under
way are gone without an end, and all that did not succeed starts over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.console.text import count
from orchestrator.report.verify.rules import Rule, Violation
from orchestrator.report.verify.run_state import BROKE, SECOND, Gate, Job, Phase, Stop, jobs_of
from orchestrator.report.verify.stop_rules import StopRules

__all__ = ["Judge", "Rule", "Violation", "violations"]

ALWAYS_CAP = 30.0  # seconds that a `when: always` job may run on in a run that is stopping

Event = Mapping[str, Any]
_REMARKS = frozenset({"degraded", "orphan.killed", "journal.recovered"})


def violations(plan: Mapping[str, Any], events: Iterable[Event]) -> list[Violation]:
    """What is not as it should be, in the order of the journal; `plan` is the object that `plan.json` holds."""
    judge = Judge(plan)
    for event in events:
        judge.see(event)
    return judge.found


class Judge:
    """Show it the events of a journal in order; `found` grows. `finished`: the run has ended."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.found: list[Violation] = []
        self._digest = plan["digest"]
        self._policy = plan["policy"]
        self._jobs = jobs_of(plan)
        self._job_of = {job.id: job for job in self._jobs}
        self._line = 0
        self._at = 0.0
        self._cap: int = self._policy["max_parallel_jobs"]
        self._pools: Mapping[str, int] = self._policy["pools"]
        self._duties = StopRules(self._policy["fail_fast"])
        self._taken: Counter[str] = Counter()
        self._running = 0
        self._stop = Stop()
        self._began = 0.0
        self.finished = False

    def see(self, event: Event) -> None:
        """Judge the next event."""
        self._line += 1
        name, at = event["event"], event["at"]
        if (self._line == 1) != (name == "run.started"):
            self._blame(Rule.ORDER, f"event {self._line} is `{name}`; `run.started` is the first one and no other")
        if at < self._at - SECOND:
            self._blame(Rule.ORDER, f"second {at} comes after second {self._at}")
        self._at = max(at, self._at)
        if self.finished and name != "run.resumed" and name not in _REMARKS:
            self._blame(Rule.ORDER, f"`{name}` after the run had finished")
        look = _LOOK.get(name)
        if look is not None:
            look(self, event)

    # The run.

    def _run_started(self, event: Event) -> None:
        if event["plan_digest"] != self._digest:
            self._blame(Rule.PLAN, f"the run is of plan `{event['plan_digest']}`, this is plan `{self._digest}`")
        self._cap, self._pools = event["max_parallel_jobs"], event["pools"]
        self._duties.fail_fast = event["fail_fast"]
        self._begin(event["at"])

    def _run_resumed(self, event: Event) -> None:
        for job in self._jobs:
            job.reopen()
        self._cap = event["max_parallel_jobs"]
        self._taken.clear()
        self._running, self._stop, self.finished = 0, Stop(), False
        self._begin(event["at"])

    def _begin(self, at: float) -> None:
        self._began = at
        self._duties.begin(at, self._policy["timeout_seconds"])

    def _run_finished(self, event: Event) -> None:
        self.finished = True
        for job in self._jobs:
            if job.stands is not Phase.ENDED:
                self._blame(Rule.STATUS, f"the run finished, and `{job.id}` has not ended")
        result, code = event["result"], event["exit_code"]
        if result != self._result():
            self._blame(Rule.RESULT, f"the result is {result}; by the ends of the jobs it is {self._result()}")
        if code < 128 and (code == 0) != (result == "SUCCESS"):
            self._blame(Rule.RESULT, f"exit code {code} does not go with {result}")
        if abs(event["wall_seconds"] - event["at"]) > SECOND:
            self._blame(Rule.RESULT, f"{event['wall_seconds']} seconds of wall time, at second {event['at']}")

    def _result(self) -> str:
        if self._stop.hurried_at is not None:
            return "CANCELLED"
        if any(job.status in BROKE and not job.may_fail for job in self._jobs):
            return "FAILED"
        return "CANCELLED" if any(job.status == "cancelled" for job in self._jobs) else "SUCCESS"

    def _cancel_requested(self, event: Event) -> None:
        if event["job"] is not None:
            self._cancel_job(event)
            return
        if all(job.stands is Phase.ENDED for job in self._jobs):
            return  # too late to stop anything
        self._judge_stop(event)
        stop, by_fail_fast = self._stop, event["reason"] == "fail_fast"
        stop.on = True
        stop.forced |= event["force"]
        if stop.kills_since is None and (event["force"] or not by_fail_fast or self._duties.fail_fast != "drain"):
            stop.kills_since = event["at"]
        if not by_fail_fast and stop.hurried_at is None:
            stop.hurried_at = event["at"]

    def _judge_stop(self, event: Event) -> None:
        limit = self._policy["timeout_seconds"]
        match event["reason"]:
            case "deadline" if limit is None:
                self._blame(Rule.STOP, "stopped by a deadline that the run does not have")
            case "deadline" if event["at"] < self._began + limit - SECOND:
                self._blame(Rule.STOP, f"stopped by the deadline {event['at'] - self._began:g} s after its begin")
            case "fail_fast" if self._duties.fail_fast is False:
                self._blame(Rule.STOP, "stopped by fail-fast, which is off")
            case "fail_fast" if not self._duties.has_failed:
                self._blame(Rule.STOP, "stopped by fail-fast before any job had failed")

    def _cancel_job(self, event: Event) -> None:
        job = self._job(event)
        if job is not None and job.stands is not Phase.ENDED:
            job.cancelled = True
            job.forced |= event["force"]
            job.told_to_end |= job.stands is Phase.RUNNING

    # Attempts.

    def _attempt_started(self, event: Event) -> None:
        job = self._job(event)
        if job is None:
            return
        self._judge_start(job, event)
        if job.stands is not Phase.RUNNING:
            self._running += 1
            self._take(job)
        job.stands, job.attempt, job.started_at = Phase.RUNNING, event["attempt"], event["at"]
        job.spawned = job.told_to_end = False
        job.term_at = None

    def _judge_start(self, job: Job, event: Event) -> None:
        name, number = f"`{job.id}`", event["attempt"]
        if number != job.attempt + 1:
            self._blame(Rule.ATTEMPT, f"{name} starts attempt {number} after attempt {job.attempt}")
        if job.is_group:
            self._blame(Rule.ATTEMPT, f"{name} is a group and has nothing to run")
        if job.stands is Phase.RUNNING:
            self._blame(Rule.ATTEMPT, f"{name} starts attempt {number} while attempt {job.attempt} is under way")
        elif job.stands is Phase.ENDED:
            self._blame(Rule.ATTEMPT, f"{name} starts attempt {number} after it {job.went}")
        elif job.stands is Phase.UNDECIDED:
            self._blame(Rule.RETRY, f"{name} starts attempt {number}, which was not scheduled")
        elif job.stands is Phase.WAITING and event["at"] < job.not_before - SECOND:
            self._blame(Rule.BACK_OFF, f"{name} starts at second {event['at']}, not before second {job.not_before}")
        self._judge_turn(job)
        self._blame_neglect(self._duties.neglected_at_start(job, event["at"], self._stop), f"{name} starts")

    def _judge_turn(self, job: Job) -> None:
        """Whether what it waits for has ended, and ended well."""
        gate, others = self._gate(job)
        if gate is Gate.WAIT:
            self._blame(Rule.NEEDS, f"`{job.id}` starts before its need `{others[0].id}` has ended")
        elif gate is Gate.SHUT:
            why = f"its need `{others[0].id}` {others[0].went}" if others else "no need of it failed"
            self._blame(Rule.NEEDS, f"`{job.id}` starts although {why}")
        for index in job.after:
            if self._jobs[index].stands is not Phase.ENDED:
                self._blame(Rule.AFTER, f"`{job.id}` starts before `{self._jobs[index].id}` has ended")

    def _take(self, job: Job) -> None:
        if self._running > self._cap:
            self._blame(Rule.CAP, f"with `{job.id}` {count(self._running, 'attempt')} under way, {self._cap} may be")
        for pool, amount in job.pools.items():
            self._taken[pool] += amount
            if self._taken[pool] > self._pools.get(pool, 0):
                told = f"{self._taken[pool]} of pool `{pool}` taken, it has {self._pools.get(pool, 0)}"
                self._blame(Rule.POOL, f"with `{job.id}` {told}")

    def _attempt_spawned(self, event: Event) -> None:
        job = self._under_way(event, "has a process")
        if job is not None:
            if job.spawned:
                self._blame(Rule.ATTEMPT, f"attempt {job.attempt} of `{job.id}` has a second process")
            job.spawned = True

    def _attempt_finished(self, event: Event) -> None:
        job = self._under_way(event, "ends")
        if job is None:
            return
        self._give(job)
        self._blame_neglect(self._duties.neglected_at_end(job, event["at"], self._stop), f"`{job.id}` ends")
        verdict = event["verdict"]
        job.stands, job.verdict, job.exit_code = Phase.UNDECIDED, verdict, event["exit_code"]
        job.failed += verdict in ("failed", "timed_out")
        job.lost += verdict == "lost"
        if verdict == "succeeded" and (event["exit_code"] or event["signal"]):
            ended = event["signal"] or f"exit code {event['exit_code']}"
            self._blame(Rule.STATUS, f"`{job.id}` succeeded with {ended}")
        if verdict == "killed" and not job.told_to_end:
            self._blame(Rule.KILL, f"`{job.id}` was stopped on request, and nobody asked")

    def _kill_sent(self, event: Event) -> None:
        job = self._under_way(event, "is sent a signal")
        if job is None:
            return
        at, stop = event["at"], self._stop
        asked = job.cancelled or stop.forced or (stop.kills and stop.covers(job))
        hurried = stop.hurried_at is not None and at >= stop.hurried_at + ALWAYS_CAP - SECOND
        if not asked and not hurried and job.term_at is None:
            self._blame(Rule.KILL, f"`{job.id}` is told to end, and nothing asks for it")
        if event["force"] and not (stop.forced or job.forced):
            if job.term_at is None or at < job.term_at + job.grace - SECOND:
                self._blame(Rule.KILL, f"`{job.id}` is killed before its grace of {job.grace:g} s was over")
        elif not event["force"] and job.term_at is None:
            job.term_at = at
        job.told_to_end = True

    def _under_way(self, event: Event, what: str) -> Job | None:
        """The job of an event about its current attempt; None if it has none under way."""
        job = self._job(event)
        if job is None:
            return None
        if job.stands is not Phase.RUNNING or event["attempt"] != job.attempt:
            self._blame(Rule.ATTEMPT, f"attempt {event['attempt']} of `{job.id}` {what} and is not under way")
        return job if job.stands is Phase.RUNNING else None

    def _give(self, job: Job) -> None:
        self._running -= 1
        if job.pools:
            self._taken.subtract(job.pools)

    # What follows from ends.

    def _retry_scheduled(self, event: Event) -> None:
        job = self._job(event)
        if job is None:
            return
        name = f"`{job.id}`"
        if event["attempt"] != job.attempt + 1:
            self._blame(Rule.ATTEMPT, f"attempt {event['attempt']} of {name} is scheduled after attempt {job.attempt}")
        if job.stands is not Phase.UNDECIDED:
            self._blame(Rule.RETRY, f"{name} is tried again, and no attempt of it has ended just now")
        elif job.verdict not in BROKE or not job.may_be_retried:
            self._blame(Rule.RETRY, f"{name} is tried again; its policy does not grant that after {job.verdict}")
        elif self._stop.on or job.told_to_end:
            self._blame(Rule.RETRY, f"{name} is tried again after it was told to end")
        least, most = job.retry.wait(max(1, job.failed + job.lost))
        wait = event["not_before"] - event["at"]
        if not least - SECOND <= wait <= most + SECOND:
            self._blame(Rule.BACK_OFF, f"{name} waits {wait:g} s; by its policy {least:g} to {most:g} s")
        if job.stands is not Phase.RUNNING:
            job.stands, job.not_before = Phase.WAITING, event["not_before"]

    def _job_adopted(self, event: Event) -> None:
        job = self._job(event)
        if job is not None:
            if job.stands is Phase.RUNNING:
                self._blame(Rule.STATUS, f"`{job.id}` is adopted while attempt {job.attempt} is under way")
            job.adopted = True

    def _job_finished(self, event: Event) -> None:
        job = self._job(event)
        if job is None:
            return
        status = event["status"]
        if job.stands is Phase.ENDED:
            self._blame(Rule.STATUS, f"`{job.id}` ends as {status} after it {job.went}")
        elif job.stands is Phase.RUNNING:
            self._blame(Rule.STATUS, f"`{job.id}` ends as {status} while attempt {job.attempt} is under way")
            self._give(job)
        else:
            _END[status](self, job, event)
        if event["attempts"] != job.attempt:
            told = count(event["attempts"], "attempt")
            self._blame(Rule.ATTEMPT, f"`{job.id}` ends after {told}; it had {job.attempt}")
        if event["allowed"] != (job.may_fail and status in BROKE):
            self._blame(Rule.STATUS, f"`{job.id}` ends as {status}, and `allowed` is {str(event['allowed']).lower()}")
        job.stands, job.status = Phase.ENDED, status
        self._duties.ended(job, status)

    def _succeeded(self, job: Job, event: Event) -> None:
        if job.stands is Phase.UNDECIDED:
            self._judge_verdict(job, "succeeded", "succeeded")
        elif job.is_group and not job.adopted:
            self._judge_turn(job)
        elif not job.adopted:
            self._blame(Rule.STATUS, f"`{job.id}` ends as succeeded without an attempt that did")

    def _broke(self, job: Job, event: Event) -> None:
        status = event["status"]
        if job.stands is not Phase.UNDECIDED:
            self._blame(Rule.STATUS, f"`{job.id}` ends as {status} without an attempt that did")
            return
        self._judge_verdict(job, status, status)
        if job.verdict in BROKE and job.may_be_retried and not (self._stop.on or job.told_to_end):
            self._blame(Rule.RETRY, f"`{job.id}` ends as {status}, and its policy grants another attempt")

    def _was_cancelled(self, job: Job, event: Event) -> None:
        if job.stands is Phase.UNDECIDED:
            self._judge_verdict(job, "cancelled", "killed")
        elif not job.cancelled and not self._stop.covers(job):
            self._blame(Rule.CANCEL, f"`{job.id}` is cancelled, and nobody asked")
        elif not job.cancelled and self._gate(job)[0] is Gate.SHUT:
            self._blame(Rule.SKIP, f"`{job.id}` is cancelled although its needs say that it is skipped")

    def _was_skipped(self, job: Job, event: Event) -> None:
        gate, others = self._gate(job)
        if job.stands is not Phase.IDLE:
            self._blame(Rule.SKIP, f"`{job.id}` is skipped after attempt {job.attempt}")
        elif gate is not Gate.SHUT:
            self._blame(Rule.SKIP, f"`{job.id}` is skipped, and none of its needs asks for it")
        elif others and not any(f"`{other.id}`" in event["reason"] for other in others):
            self._blame(Rule.SKIP, f"`{job.id}` is skipped for a reason that names no need: {event['reason']}")

    def _judge_verdict(self, job: Job, status: str, verdict: str) -> None:
        if job.verdict != verdict:
            self._blame(Rule.STATUS, f"`{job.id}` ends as {status}, its last attempt as {job.verdict}")

    # Help.

    def _gate(self, job: Job) -> tuple[Gate, list[Job]]:
        """What its needs say, with those of them that wait, or that shut it."""
        jobs = self._jobs
        for index in job.needs:  # nearly always all is well, and said soon
            if jobs[index].status != "succeeded" or jobs[index].stands is not Phase.ENDED:
                break
        else:
            if job.when != "failure":
                return Gate.OPEN, []
        needs = [jobs[index] for index in job.needs]
        bad = [need for need in needs if need.stands is Phase.ENDED and not need.went_well]
        left = [need for need in needs if need.stands is not Phase.ENDED]
        if job.when == "success" and bad:
            return Gate.SHUT, bad
        if left:
            return Gate.WAIT, left
        if job.when == "failure" and not any(need.status in BROKE for need in bad):
            return Gate.SHUT, []
        return Gate.OPEN, []

    def _job(self, event: Event) -> Job | None:
        job = self._job_of.get(event["job"])
        if job is None:
            self._blame(Rule.PLAN, f"`{event['job']}` is no job of the plan")
        return job

    def _blame_neglect(self, found: tuple[Rule, str] | None, what: str) -> None:
        if found is not None:
            rule, why = found
            self._blame(rule, f"{what} {why}")

    def _blame(self, rule: Rule, message: str) -> None:
        self.found.append(Violation(self._line, rule, message))


_LOOK: dict[str, Callable[[Judge, Event], None]] = {
    "run.started": Judge._run_started,
    "run.resumed": Judge._run_resumed,
    "run.finished": Judge._run_finished,
    "cancel.requested": Judge._cancel_requested,
    "attempt.started": Judge._attempt_started,
    "attempt.spawned": Judge._attempt_spawned,
    "attempt.finished": Judge._attempt_finished,
    "kill.sent": Judge._kill_sent,
    "retry.scheduled": Judge._retry_scheduled,
    "job.adopted": Judge._job_adopted,
    "job.finished": Judge._job_finished,
}

_END: dict[str, Callable[[Judge, Job, Event], None]] = {
    "succeeded": Judge._succeeded,
    "failed": Judge._broke,
    "timed_out": Judge._broke,
    "lost": Judge._broke,
    "cancelled": Judge._was_cancelled,
    "skipped": Judge._was_skipped,
}
