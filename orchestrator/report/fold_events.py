"""Events -> `RunReport`, one event at a time, each in time proportional to what it changes."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import UNSET

from orchestrator.journal.events import EventRecord, has_grown_since
from orchestrator.journal.file_names import log_name
from orchestrator.plan.model import Plan
from orchestrator.plan.slugs import slugs_of
from orchestrator.report.model import CacheReport, JobReport, RunOrigin, RunReport, Summary
from orchestrator.report.run_slots import RunSlots
from orchestrator.report.shown_outputs import output_values
from orchestrator.report.status import FAILED_STATUSES, STATUS_OF_EVENT, Status
from orchestrator.report.workers import WorkerFold

_MILLISECOND = 0.001


def read_report(plan: Plan, events: Iterable[EventRecord]) -> RunReport:
    """The report of a run from all of its events."""
    fold = RunFold(plan)
    for event in events:
        fold.add(event)
    return fold.report()


class CriticalPath:
    """The longest chain of jobs, by the seconds that they took, updated as each job ends.

    For each job that has ended: the seconds of the longest chain that ends in it, and the job before it in that chain.
    """

    def __init__(self, plan: Plan) -> None:
        self._jobs = plan.jobs
        self._seconds = array("d", bytes(8 * len(plan.jobs)))
        self._before: list[int | None] = [None] * len(plan.jobs)
        self._last: int | None = None  # of the longest chain of all

    def end(self, job: int, seconds: float) -> None:
        """A job took `seconds`. All that it waited for has ended before."""
        chain = self._seconds
        before, longest = None, 0.0
        for waited_for in (self._jobs[job].needs, self._jobs[job].after):
            for other in waited_for:
                if chain[other] > longest:
                    before, longest = other, chain[other]
        self._before[job] = before
        chain[job] = longest + seconds
        if self._last is None or chain[job] > chain[self._last]:
            self._last = job

    def reopen(self, jobs: Iterable[int]) -> None:
        """A resume: these jobs have not ended any more."""
        for job in jobs:
            self._seconds[job] = 0.0
        self._last = max(range(len(self._seconds)), key=self._seconds.__getitem__, default=None)

    def longest(self) -> tuple[float, tuple[int, ...]]:
        """Seconds and jobs of the longest chain, in the order they ran; empty if no job took any time."""
        job = self._last
        if job is None or self._seconds[job] == 0.0:
            return 0.0, ()
        seconds, path = self._seconds[job], []
        while job is not None and self._seconds[job] > 0.0:
            path.append(job)
            job = self._before[job]
        return seconds, tuple(reversed(path))


class RunFold:
    """Add the events of a run in order; `report` returns the run so far at any moment.

    `index_of` maps the id of a job to its index. `changed` holds the indices of jobs whose status changed, until the
    caller removes them. `slugs[i]` is the name of job i in file names.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.index_of = {job.id: job.index for job in plan.jobs}
        self.slugs = slugs_of(plan)
        self._jobs = [JobReport(job.id) for job in plan.jobs]
        self._began = array("d", bytes(8 * len(plan.jobs)))
        self._ended = array("d", bytes(8 * len(plan.jobs)))
        self._waited = array("d", bytes(8 * len(plan.jobs)))
        self._waits_since: dict[int, float] = {}  # jobs between two attempts, or whose attempt has no process yet
        self._counts: Counter[Status] = Counter({Status.PENDING: len(plan.jobs)})
        self._allowed: Counter[Status] = Counter()
        self._retries = self._up_to_date = 0
        self._busy = 0.0
        self._pool_busy: Counter[str] = Counter()
        self._critical_path = CriticalPath(plan)
        self._workers = WorkerFold()
        self._at = 0.0
        self._started: EventRecord = {}
        self._slots = RunSlots(plan.policy)
        self._finished: EventRecord = {}
        self._cancelled_by: str | None = None
        self._degraded: list[tuple[str, str]] = []
        self._orphans = 0
        self._late: list[tuple[str, int, str]] = []
        self._resumed = 0
        self._pid: int | None = None
        self._host = ""  # on which the process runs that drives the run
        self._spawned: dict[int, tuple[float, float]] = {}  # when its attempt had a process, and the wait for that
        self._spent_before: dict[int, float] = {}
        self._with_outputs: set[int] = set()
        self.changed: set[int] = set()

    def add(self, event: EventRecord) -> None:
        """Add one record of the journal. Raises KeyError for a job that is not in the plan."""
        self._at = event["at"]
        self._workers.add(event)
        self._slots.add(event)
        follow = _FOLLOW.get(event["event"])
        if follow is not None:
            follow(self, event)

    def job(self, job: int) -> JobReport:
        """The job with this index, which changes with the next event."""
        return self._jobs[job]

    def status(self, job: int) -> Status:
        """The status of the job with this index."""
        return self._jobs[job].status

    def jobs_with_outputs(self) -> list[JobReport]:
        """Those that may have output values, in order."""
        return [self._jobs[index] for index in sorted(self._with_outputs)]

    def report(self) -> RunReport:
        """The run so far. Its jobs belong to this fold and change with the next event."""
        started, finished = self._started, self._finished
        policy = self._plan.policy
        wall = finished.get("wall_seconds", self._at)
        pools = started.get("pools", policy.pools)
        return RunReport(
            plan=self._plan,
            run_id=started.get("run_id", ""),
            result=finished.get("result", Status.RUNNING.value),
            exit_code=finished.get("exit_code"),
            started_at=started.get("ts"),
            max_parallel_jobs=self._slots.number,
            had_unknown_slots=self._slots.were_unknown,
            fail_fast=started.get("fail_fast", policy.fail_fast),
            jobs=self._jobs,
            summary=self._summary(wall),
            cancelled_by=self._cancelled_by,
            pool_use={name: _share(self._pool_busy[name], wall * size) for name, size in pools.items()},
            degraded=tuple(dict.fromkeys(self._degraded)),
            orphans_killed=self._orphans,
            late=tuple(self._late),
            resumed=self._resumed,
            pid=self._pid,
            host=self._host,
            workers=self._workers.workers,
            began=self._began,
            ended=self._ended,
            waited=self._waited,
            counts=self._counts,
            allowed=self._allowed,
            origin=_origin(started),
            up_to_date=self._up_to_date,
            at=self._at,
            spent_before=self._spent_before,
        )

    def _summary(self, wall: float) -> Summary:
        total, counts = len(self._jobs), self._counts
        seconds, path = self._critical_path.longest()
        return Summary(
            total_jobs=total,
            successful_jobs=counts[Status.SUCCESS],
            failed_jobs=sum(counts[status] - self._allowed[status] for status in FAILED_STATUSES),
            timed_out_jobs=counts[Status.TIMED_OUT],
            lost_jobs=counts[Status.LOST],
            skipped_jobs=counts[Status.SKIPPED],
            cancelled_jobs=counts[Status.CANCELLED],
            left_out_jobs=counts[Status.LEFT_OUT],
            unfinished_jobs=counts[Status.PENDING] + counts[Status.RUNNING],
            allowed_failures=self._allowed.total(),
            retries=self._retries,
            success_rate=_share(counts[Status.SUCCESS], total),
            total_execution_time_seconds=round(self._busy, 3),
            average_execution_time_seconds=round(self._busy / total, 3) if total else 0.0,
            wall_time_seconds=round(wall, 3),
            speed_up=round(self._busy / wall, 3) if wall else 0.0,
            utilisation=_share(self._busy, self._slots.seconds(wall)),
            critical_path_seconds=round(seconds, 3),
            critical_path=[self._jobs[index].job_id for index in path],
        )

    def _move(self, index: int, status: Status) -> None:
        job = self._jobs[index]
        self._counts[job.status] -= 1
        self._counts[status] += 1
        job.status = status
        self.changed.add(index)

    def _attempt_started(self, event: EventRecord) -> None:
        index = self.index_of[event["job"]]
        self._move(index, Status.RUNNING)
        job = self._jobs[index]
        job.attempts = event["attempt"]
        job.pid = job.exit_code = job.signal = None
        job.log_file = log_name(self.slugs[index], job.attempts)
        job.host, job.worker = event.get("host", self._host), event.get("worker")
        job.reason = ""
        if job.started_at is None:
            job.started_at = event["ts"]
            self._began[index] = event["at"]
            self._waited[index] = 0.0
        else:
            self._waited[index] += event["at"] - self._waits_since.get(index, event["at"])
        self._waits_since[index] = event["at"]

    def _attempt_spawned(self, event: EventRecord) -> None:
        index = self.index_of[event["job"]]
        self._jobs[index].pid = event["pid"]
        if index in self._waits_since:
            self._spawned[index] = event["at"], event["at"] - self._waits_since.pop(index)

    def _attempt_finished(self, event: EventRecord) -> None:
        index = self.index_of[event["job"]]
        job = self._jobs[index]
        seconds = event["duration_seconds"]
        spawned_at, waited = self._spawned.pop(index, (0.0, 0.0))
        if event["at"] - spawned_at + _MILLISECOND >= seconds:  # else its start was recorded late, with its end
            self._waited[index] += waited
        taken, cpu = job.execution_time_seconds, job.cpu_seconds
        job.execution_time_seconds = round(taken + seconds, 6) if taken else seconds
        job.exit_code = event["exit_code"]
        job.signal = event["signal"]
        job.reason = event["reason"]
        job.log_file = event["log"]
        job.cpu_seconds = round(cpu + event["cpu_seconds"], 6) if cpu else event["cpu_seconds"]
        job.max_rss_bytes = max(job.max_rss_bytes, event["max_rss_bytes"])
        job.log_bytes = event["log_bytes"]
        job.dropped_bytes = event["dropped_bytes"]
        job.leftover_killed += event["leftover_killed"]
        job.enforced_by = event["enforced_by"]
        self._keep_outputs(index, event)
        self._busy += seconds
        for pool, amount in self._plan.jobs[index].pools:
            self._pool_busy[pool] += amount * seconds

    def _job_cached(self, event: EventRecord) -> None:
        job = self._jobs[self.index_of[event["job"]]]
        self._up_to_date += 1
        job.cache = CacheReport(event["cached"], event["from_run"], [])
        job.log_file, job.log_bytes = event["log"] or None, event["log_bytes"]
        self._keep_outputs(self.index_of[event["job"]], event)

    def _job_must_run(self, event: EventRecord) -> None:
        self._jobs[self.index_of[event["job"]]].cache = CacheReport("ran", because=event["because"])

    def _adopted(self, event: EventRecord) -> None:
        self._keep_outputs(self.index_of[event["job"]], event)

    def _keep_outputs(self, index: int, event: EventRecord) -> None:
        job = self._jobs[index]
        job.outputs = output_values(event["outputs"]) if "outputs" in event else UNSET
        job.undeclared_outputs = event.get("undeclared_outputs", UNSET)
        if job.outputs:
            self._with_outputs.add(index)

    def _retry_scheduled(self, event: EventRecord) -> None:
        index = self.index_of[event["job"]]
        self._move(index, Status.PENDING)
        self._waits_since[index] = event["at"]
        self._retries += 1

    def _job_finished(self, event: EventRecord) -> None:
        if has_grown_since(event, self.index_of):
            return
        index = self.index_of[event["job"]]
        self._move(index, STATUS_OF_EVENT[event["status"]])
        job = self._jobs[index]
        job.reason = event["reason"]
        job.finished_at = event["ts"]
        self._ended[index] = event["at"]
        self._waits_since.pop(index, None)
        job.allowed = event["allowed"]
        self._allowed[job.status] += job.allowed
        self._critical_path.end(index, job.execution_time_seconds)

    def _run_started(self, event: EventRecord) -> None:
        self._started = event
        self._pid, self._host = event["pid"], event.get("host", "")

    def _run_resumed(self, event: EventRecord) -> None:
        reopened = [index for index, job in enumerate(self._jobs) if job.status is not Status.SUCCESS]
        for index in reopened:
            job = self._jobs[index]
            if job.status is not Status.PENDING:
                self._move(index, Status.PENDING)
            job.started_at = job.finished_at = None
            if job.execution_time_seconds:
                self._spent_before[index] = job.execution_time_seconds
            job.reason, job.allowed = "", False
        self._critical_path.reopen(reopened)
        self._allowed.clear()
        self._resumed += 1
        self._pid, self._host = event["pid"], event.get("host", self._host)
        self._finished, self._cancelled_by = {}, None

    def _run_finished(self, event: EventRecord) -> None:
        self._finished = event

    def _cancel_requested(self, event: EventRecord) -> None:
        if event["job"] is None and self._cancelled_by is None:
            self._cancelled_by = event["reason"]

    def _degradation(self, event: EventRecord) -> None:
        self._degraded.append((event["what"], event["why"]))

    def _attempt_late(self, event: EventRecord) -> None:
        self._late.append((event["job"], event["attempt"], event["verdict"]))

    def _orphan_killed(self, event: EventRecord) -> None:
        self._orphans += 1


_FOLLOW: dict[str, Callable[[RunFold, EventRecord], None]] = {
    "job.cached": RunFold._job_cached,
    "job.must_run": RunFold._job_must_run,
    "attempt.started": RunFold._attempt_started,
    "attempt.spawned": RunFold._attempt_spawned,
    "attempt.finished": RunFold._attempt_finished,
    "job.adopted": RunFold._adopted,
    "retry.scheduled": RunFold._retry_scheduled,
    "job.finished": RunFold._job_finished,
    "run.started": RunFold._run_started,
    "run.resumed": RunFold._run_resumed,
    "run.finished": RunFold._run_finished,
    "cancel.requested": RunFold._cancel_requested,
    "degraded": RunFold._degradation,
    "orphan.killed": RunFold._orphan_killed,
    "attempt.late": RunFold._attempt_late,
}


def _origin(started: EventRecord) -> RunOrigin:
    invocation = started.get("invocation", {})
    git = invocation.get("git", {})
    return RunOrigin(
        host=started.get("host", ""),
        command=tuple(invocation.get("command", ())),
        commit=git.get("commit", ""),
        branch=git.get("branch", ""),
    )


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0
