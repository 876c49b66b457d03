"""The progress of a run at a moment: what runs and for how long, what failed, and what each other job waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import UNSET

from orchestrator.journal.events import EventRecord
from orchestrator.plan.model import Plan, When
from orchestrator.report.counts import JobCounts
from orchestrator.report.fold_events import RunFold
from orchestrator.report.foresight import Foresight
from orchestrator.report.model import JobReport, OutputValue, RunReport
from orchestrator.report.status import FAILED_STATUSES, Status
from orchestrator.report.workers import WorkerReport

OPEN_STATUSES = (Status.PENDING, Status.RUNNING)


class RunningJob(msgspec.Struct, frozen=True):
    """A job with an attempt under way, on which host, and on which worker of a cluster. `log_file` is relative to the
    run directory."""

    job_id: str
    attempt: int
    pid: int | None
    elapsed_seconds: float
    log_file: str | None = None
    host: str | None = None
    worker: str | None = None


class FailedJob(msgspec.Struct, frozen=True):
    """A job that failed, timed out or was lost."""

    job_id: str
    status: Status
    reason: str
    allowed: bool
    log_file: str | None


class WaitingJob(msgspec.Struct, frozen=True):
    """A job that has not ended and does not run. `waits_for` is `needs`, `after`, `check` (whether it is up to date),
    `pool`, `slot` or `back-off`; `names` are the jobs or pools that it waits for, `seconds` is the time left of its
    backoff. `will_be` is `skipped` or `cancelled` for a job that will not run, whatever becomes of what it waits for;
    `because` is the reason."""

    job_id: str
    waits_for: str
    names: list[str] = []
    seconds: float | None = None
    will_be: str | None = None
    because: str | None = None


class WorkerState(msgspec.Struct, frozen=True):
    """A worker of a cluster, as in the results of a run, and how many jobs run there now. Those that take jobs are
    first."""

    worker: str
    host: str
    slots: int
    joined_at_seconds: float
    left_at_seconds: float | None
    why: str
    running: int
    attempts: int
    busy_share: float


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run in a few numbers. `state` is `running`, `interrupted` or `finished`; `result` and `exit_code` are set once
    it is finished. `pid` is the process that drives it, or drove it, on `host`. `counts` has every status, in lower
    case; `allowed` holds how many of them are allowed failures, if any are. `left_out` is the number of workflows that
    are not part of the plan, `up_to_date` that of the jobs that did not have to run."""

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
    allowed: dict[str, int] = {}
    left_out: int = 0
    up_to_date: int = 0
    host: str = ""

    @property
    def job_counts(self) -> JobCounts:
        """The jobs by their outcome."""
        statuses, allowed = ({Status(key.upper()): n for key, n in of.items()} for of in (self.counts, self.allowed))
        return JobCounts(
            statuses, allowed, driven=self.state == "running", left_out=self.left_out, up_to_date=self.up_to_date
        )


class Snapshot(Head, frozen=True, kw_only=True):
    """A run at a moment. What runs in an interrupted run was under way when its process ended; `waiting` is empty
    unless the run is running. `outputs` has the output values of each job that has any, by their names; `workers` is
    empty for a run without a cluster."""

    running: list[RunningJob]
    failed: list[FailedJob]
    waiting: list[WaitingJob]
    outputs: dict[str, Mapping[str, OutputValue]] = {}
    workers: list[WorkerState] = []


class Progress:
    """Add the events of a run in order; `head` and `snapshot` return its progress at any moment.

    `fold` is the report of the same events, `at` the second of the run and `ts` the timestamp of the last event.
    """

    def __init__(self, plan: Plan, run_id: str) -> None:
        self.plan = plan
        self.run_id = run_id
        self.fold = RunFold(plan)
        self._foresight = Foresight(plan)
        self.at = 0.0
        self.ts: str | None = None
        self.finished = False
        self._index_of = self.fold.index_of
        self._running: dict[int, float] = {}
        self._not_before: dict[int, float] = {}

    def add(self, event: EventRecord) -> None:
        """Add one record of the journal. Raises KeyError for a job that is not in the plan."""
        self.fold.add(event)
        self._foresight.add(event)
        self.at, self.ts = event["at"], event["ts"]
        follow = _FOLLOW.get(event["event"])
        if follow is not None:
            follow(self, event)

    def _attempt_started(self, event: EventRecord) -> None:
        self._running[self._index_of[event["job"]]] = event["at"]

    def _attempt_finished(self, event: EventRecord) -> None:
        self._running.pop(self._index_of[event["job"]], None)

    def _retry_scheduled(self, event: EventRecord) -> None:
        self._not_before[self._index_of[event["job"]]] = event["not_before"]

    def _run_begun(self, event: EventRecord) -> None:
        self.finished = False
        self._running.clear()
        self._not_before.clear()

    def _run_finished(self, event: EventRecord) -> None:
        self.finished = True

    def head(self, now: float, *, driven: bool) -> Head:
        """The run in numbers at its second `now`; `driven`: a process drives it."""
        report = self.fold.report()
        state = "finished" if self.finished else "running" if driven else "interrupted"
        elapsed = report.summary.wall_time_seconds if self.finished else max(now, self.at) if driven else self.at
        return _head(report, self.run_id, state, elapsed)

    def snapshot(self, now: float, *, driven: bool) -> Snapshot:
        """The run at its second `now`; `driven`: a process drives it."""
        head, report = self.head(now, driven=driven), self.fold.report()
        jobs, now = report.jobs, head.elapsed_seconds
        return Snapshot(
            **msgspec.structs.asdict(head),
            running=[
                _running_job(jobs[index], round(max(0.0, now - since), 3)) for index, since in self._running.items()
            ],
            failed=failed_jobs(jobs),
            waiting=list(self._waiting(now)) if head.state == "running" else [],
            outputs=outputs_of(self.fold.jobs_with_outputs()),
            workers=worker_states(report.workers, now),
        )

    def _waiting(self, now: float) -> Iterator[WaitingJob]:
        room = dict(self.plan.policy.pools)
        for index in self._running:
            for pool, amount in self.plan.jobs[index].pools:
                room[pool] -= amount
        for job in self.plan.jobs:
            if self.fold.status(job.index) is Status.PENDING:
                yield self._wait_of(job.index, room, now)

    def _wait_of(self, index: int, room: Mapping[str, int], now: float) -> WaitingJob:
        job = self.plan.jobs[index]
        if needs := self._still_open(job.needs):
            fate = self._foresight.fates.get(index)
            if fate is not None:
                return WaitingJob(job.id, "needs", needs, will_be=fate.status, because=fate.why)
            return WaitingJob(job.id, "needs", needs)
        if after := self._still_open(job.after):
            return WaitingJob(job.id, "after", after)
        not_before = self._not_before.get(index, 0.0)
        if not_before > now:
            return WaitingJob(job.id, "back-off", seconds=round(not_before - now, 3))
        if self._is_being_checked(index):
            return WaitingJob(job.id, "check")
        if full := [pool for pool, amount in job.pools if amount > room[pool]]:
            return WaitingJob(job.id, "pool", full)
        return WaitingJob(job.id, "slot")

    def _is_being_checked(self, index: int) -> bool:
        """Whether it may be up to date, which is not known yet."""
        job, is_known = self.plan.jobs[index], self.fold.job(index).cache is not UNSET
        may_be = job.spec.inputs is not None and job.spec.cache and job.when is not When.FAILURE and not is_known
        if not may_be or job.run_matrix is not None:
            return False
        return all(self.fold.status(need) in (Status.SUCCESS, Status.LEFT_OUT) for need in job.needs)

    def _still_open(self, others: tuple[int, ...]) -> list[str]:
        return [self.plan.jobs[other].id for other in others if self.fold.status(other) in OPEN_STATUSES]


_FOLLOW: dict[str, Callable[[Progress, EventRecord], None]] = {
    "attempt.started": Progress._attempt_started,
    "attempt.finished": Progress._attempt_finished,
    "retry.scheduled": Progress._retry_scheduled,
    "run.started": Progress._run_begun,
    "run.resumed": Progress._run_begun,
    "run.finished": Progress._run_finished,
}


def _running_job(job: JobReport, elapsed: float) -> RunningJob:
    return RunningJob(job.job_id, job.attempts, job.pid, elapsed, job.log_file, job.host, job.worker)


def head_of_finished(report: RunReport) -> Head:
    """What `Progress.head` returns for a run that has ended."""
    return _head(report, report.run_id, "finished", report.summary.wall_time_seconds)


def outputs_of(jobs: Iterable[JobReport]) -> dict[str, Mapping[str, OutputValue]]:
    """The output values of the jobs that have any."""
    return {job.job_id: job.outputs for job in jobs if job.outputs}


def worker_states(workers: Iterable[WorkerReport], now: float) -> list[WorkerState]:
    """The workers at this second of the run."""
    found = [
        WorkerState(
            *(one.name, one.host, one.slots, one.joined_at, one.left_at, one.why, one.running, one.attempts),
            round(one.share(now), 6),
        )
        for one in workers
    ]
    return sorted(found, key=lambda one: one.left_at_seconds is not None)


def failed_jobs(jobs: Iterable[JobReport]) -> list[FailedJob]:
    """The jobs that failed, timed out or were lost."""
    failed = (job for job in jobs if job.status in FAILED_STATUSES)
    return [FailedJob(job.job_id, job.status, job.reason, job.allowed, job.log_file) for job in failed]


def _head(report: RunReport, run_id: str, state: str, elapsed: float) -> Head:
    return Head(
        run_id=run_id,
        name=report.plan.name,
        state=state,
        result=report.result if state == "finished" else None,
        exit_code=report.exit_code if state == "finished" else None,
        pid=report.pid,
        started_at=report.started_at,
        elapsed_seconds=round(elapsed, 3),
        counts={status.value.lower(): report.counts.get(status, 0) for status in Status},
        allowed_failures=report.summary.allowed_failures,
        allowed={status.value.lower(): number for status, number in report.allowed.items() if number},
        left_out=len(report.plan.left_out),
        up_to_date=report.up_to_date,
        host=report.host,
    )
