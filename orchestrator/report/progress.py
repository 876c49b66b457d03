"""Where a run stands at a moment: what runs and for how long, what broke, and what each other job waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from orchestrator.plan.model import Plan
from orchestrator.report.fold import RunFold
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILURES, Status

Event = Mapping[str, Any]

_OPEN = (Status.PENDING, Status.RUNNING)


class Running(msgspec.Struct, frozen=True):
    """A job with an attempt under way."""

    job_id: str
    attempt: int
    pid: int | None
    elapsed_seconds: float


class Broken(msgspec.Struct, frozen=True):
    """A job that failed, timed out or was lost."""

    job_id: str
    status: Status
    reason: str
    allowed: bool
    log_file: str | None


class Waiting(msgspec.Struct, frozen=True):
    """A job that has not ended and does not run. `waits_for` is `needs`, `after`, `pool`, `slot` or `back-off`;
    `names` are the jobs or pools that it waits for, `seconds` the rest of its back-off."""

    job_id: str
    waits_for: str
    names: list[str] = []
    seconds: float | None = None


class Head(msgspec.Struct, frozen=True):
    """A run in a few numbers. `state` is `running`, `interrupted` or `finished`; `result` and `exit_code` are of a
    finished one. `pid` is the process that drives it, or drove it. `counts` has every status, in lower case."""

    run_id: str
    name: str
    state: str
    result: str | None
    exit_code: int | None
    pid: int | None
    started_at: str | None
    elapsed_seconds: float
    counts: dict[str, int]
    allowed_failures: int


class Snapshot(Head, frozen=True):
    """A run at a moment. What runs in an interrupted run was under way when its process ended; `waiting` is of a
    running one."""

    running: list[Running]
    failed: list[Broken]
    waiting: list[Waiting]


class Progress:
    """Add the events of a run in order, ask where it stands at any moment. `fold` is the report of the same events.

    `at` is the second of the run and `ts` the time of day of the last event.
    """

    def __init__(self, plan: Plan, run_id: str) -> None:
        self.plan = plan
        self.run_id = run_id
        self.fold = RunFold(plan)
        self.at = 0.0
        self.ts: str | None = None
        self.finished = False
        self._index_of = self.fold.index_of
        self._running: dict[int, float] = {}
        self._not_before: dict[int, float] = {}

    def add(self, event: Event) -> None:
        """Take in one record of the journal. Raises KeyError for a job that is not in the plan."""
        self.fold.add(event)
        self.at, self.ts = event["at"], event["ts"]
        follow = _FOLLOW.get(event["event"])
        if follow is not None:
            follow(self, event)

    def _attempt_started(self, event: Event) -> None:
        self._running[self._index_of[event["job"]]] = event["at"]

    def _attempt_finished(self, event: Event) -> None:
        self._running.pop(self._index_of[event["job"]], None)

    def _retry_scheduled(self, event: Event) -> None:
        self._not_before[self._index_of[event["job"]]] = event["not_before"]

    def _run_begun(self, event: Event) -> None:
        self.finished = False
        self._running.clear()
        self._not_before.clear()

    def _run_finished(self, event: Event) -> None:
        self.finished = True

    def head(self, now: float, *, driven: bool) -> Head:
        """The run in numbers at its second `now`; `driven`: a process is at work on it."""
        report = self.fold.report()
        state = "finished" if self.finished else "running" if driven else "interrupted"
        elapsed = report.summary.wall_time_seconds if self.finished else max(now, self.at) if driven else self.at
        return _head(report, self.run_id, state, elapsed)

    def snapshot(self, now: float, *, driven: bool) -> Snapshot:
        """Where the run stands at its second `now`; `driven`: a process is at work on it."""
        head, jobs = self.head(now, driven=driven), self.fold.report().jobs
        now = head.elapsed_seconds
        return Snapshot(
            **msgspec.structs.asdict(head),
            running=[
                Running(jobs[index].job_id, jobs[index].attempts, jobs[index].pid, round(max(0.0, now - since), 3))
                for index, since in self._running.items()
            ],
            failed=broken(jobs),
            waiting=list(self._waiting(now)) if head.state == "running" else [],
        )

    def _waiting(self, now: float) -> Iterator[Waiting]:
        room = dict(self.plan.policy.pools)
        for index in self._running:
            for pool, amount in self.plan.jobs[index].pools:
                room[pool] -= amount
        for job in self.plan.jobs:
            if self.fold.status(job.index) is Status.PENDING:
                yield self._wait_of(job.index, room, now)

    def _wait_of(self, index: int, room: Mapping[str, int], now: float) -> Waiting:
        job = self.plan.jobs[index]
        if needs := self._still_open(job.needs):
            return Waiting(job.id, "needs", needs)
        if after := self._still_open(job.after):
            return Waiting(job.id, "after", after)
        not_before = self._not_before.get(index, 0.0)
        if not_before > now:
            return Waiting(job.id, "back-off", seconds=round(not_before - now, 3))
        if full := [pool for pool, amount in job.pools if amount > room[pool]]:
            return Waiting(job.id, "pool", full)
        return Waiting(job.id, "slot")

    def _still_open(self, others: tuple[int, ...]) -> list[str]:
        return [self.plan.jobs[other].id for other in others if self.fold.status(other) in _OPEN]


_FOLLOW: dict[str, Callable[[Progress, Event], None]] = {
    "attempt.started": Progress._attempt_started,
    "attempt.finished": Progress._attempt_finished,
    "retry.scheduled": Progress._retry_scheduled,
    "run.started": Progress._run_begun,
    "run.resumed": Progress._run_begun,
    "run.finished": Progress._run_finished,
}


def head_of_finished(report: RunReport) -> Head:
    """What `Progress` says of a run that has ended."""
    return _head(report, report.run_id, "finished", report.summary.wall_time_seconds)


def broken(jobs: Iterable[JobReport]) -> list[Broken]:
    """Those that failed, timed out or were lost."""
    return [
        Broken(job.job_id, job.status, job.reason, job.allowed, job.log_file) for job in jobs if job.status in FAILURES
    ]


def _head(report: RunReport, run_id: str, state: str, elapsed: float) -> Head:
    statuses = [job.status for job in report.jobs]
    return Head(
        run_id=run_id,
        name=report.plan.name,
        state=state,
        result=report.result if state == "finished" else None,
        exit_code=report.exit_code if state == "finished" else None,
        pid=report.pid,
        started_at=report.started_at,
        elapsed_seconds=round(elapsed, 3),
        counts={status.value.lower(): statuses.count(status) for status in Status},
        allowed_failures=report.summary.allowed_failures,
    )
