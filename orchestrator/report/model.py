"""A run as its readers see it: `RunReport`, the outcome of each job and how the run used its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from orchestrator.plan.model import Plan
from orchestrator.plan.policy_parts import has_known_slots
from orchestrator.report.counts import JobCounts
from orchestrator.report.status import Status
from orchestrator.report.workers import WorkerReport


class CacheReport(Struct, frozen=True):
    """What became of a job's check: up to date by the result of `from_run`, whose files were `kept` or `restored`; or
    it `ran`, and why."""

    state: Literal["kept", "restored", "ran"]
    from_run: str | None = None
    because: Sequence[str] = ()


class OutputValue(Struct, frozen=True):
    """An output value of a job: its text, at most the first 4 KiB, and the size of all of it as UTF-8."""

    value: str
    bytes: int


class JobReport(msgspec.Struct, gc=False):
    """One planned job; the keys of a job in `results_summary.json`, in their order.

    `execution_time_seconds` and `cpu_seconds` are sums over all attempts, `max_rss_bytes` is their maximum; `pid`,
    `exit_code`, `signal`, `log_file`, `host`, `worker` and the outputs, which are unset if there are none, are those of
    the last attempt. Timestamps are UTC, ISO 8601. `cache` is only set for a job that was checked.
    """

    job_id: str
    pid: int | None = None
    status: Status = Status.PENDING
    execution_time_seconds: float = 0.0
    log_file: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    attempts: int = 0
    reason: str = ""
    allowed: bool = False
    started_at: str | None = None
    finished_at: str | None = None
    cpu_seconds: float = 0.0
    max_rss_bytes: int = 0
    log_bytes: int = 0
    dropped_bytes: int = 0
    leftover_killed: int = 0
    enforced_by: Mapping[str, str] = {}
    host: str | None = None
    worker: str | None = None
    outputs: Mapping[str, OutputValue] | UnsetType = UNSET
    undeclared_outputs: Sequence[str] | UnsetType = UNSET
    cache: CacheReport | UnsetType = UNSET


class Summary(msgspec.Struct, frozen=True):
    """The numbers of a run, as `summary` in `results_summary.json`. All are 0 for a run without jobs.

    Seconds are rounded to milliseconds. `failed_jobs` counts FAILED, TIMED_OUT and LOST that are not allowed to fail;
    `timed_out_jobs` and `lost_jobs` count allowed ones too. The average is over all jobs. `speed_up` is the total
    execution time over the wall time, `utilisation` the share of the slots' time in which they were busy.
    `critical_path` is the chain of jobs, each waiting for the one before, that took longest.
    """

    total_jobs: int = 0
    successful_jobs: int = 0
    failed_jobs: int = 0
    timed_out_jobs: int = 0
    lost_jobs: int = 0
    skipped_jobs: int = 0
    cancelled_jobs: int = 0
    left_out_jobs: int = 0
    unfinished_jobs: int = 0
    allowed_failures: int = 0
    retries: int = 0
    success_rate: float = 0.0
    total_execution_time_seconds: float = 0.0
    average_execution_time_seconds: float = 0.0
    wall_time_seconds: float = 0.0
    speed_up: float = 0.0
    utilisation: float = 0.0
    critical_path_seconds: float = 0.0
    critical_path: list[str] = []


class RunOrigin(Struct, frozen=True):
    """Where a run comes from; what is not known is empty. `command` has the words of the command line after `pexec`;
    `commit` and `branch` are those of the manifest's Git repository."""

    host: str = ""
    command: tuple[str, ...] = ()
    commit: str = ""
    branch: str = ""


class RunReport(Struct, frozen=True):
    """A whole run. `result` is RUNNING until the run has ended, or INTERRUPTED if no process drives it any more;
    `jobs[i]` is the job with index i in `plan`.

    `counts` holds how many jobs have each status, `allowed` how many of these are allowed failures. `pool_use` is the
    share of each pool that was taken, over the wall time; `degraded` holds each guarantee that the host could not
    provide, and why. `pid` is the process that drives the run, or the last one that did, on `host`. `began` and
    `ended` are the seconds of the run at which the first attempt of each job started, and at which the job got its
    status; `at` is the second of the last event. `waited` is how many of these seconds each job spent before a retry,
    or before a process of it had started. `spent_before` holds the execution times of jobs, by index, from before a
    resume that runs them again. `had_unknown_slots`: it ran for a while on a cluster of unknown size. `up_to_date` is
    the number of jobs that did not have to run. `late` holds job, attempt and verdict of each result that came after
    its attempt was called lost.
    """

    plan: Plan
    run_id: str
    result: str
    exit_code: int | None
    started_at: str | None
    max_parallel_jobs: int
    fail_fast: bool | str
    jobs: Sequence[JobReport]
    summary: Summary
    cancelled_by: str | None = None
    pool_use: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[tuple[str, str], ...] = ()
    orphans_killed: int = 0
    late: tuple[tuple[str, int, str], ...] = ()
    resumed: int = 0
    pid: int | None = None
    host: str = ""
    workers: Sequence[WorkerReport] = ()
    began: Sequence[float] = ()
    ended: Sequence[float] = ()
    waited: Sequence[float] = ()
    at: float = 0.0
    spent_before: Mapping[int, float] = field(default_factory=dict)
    counts: Mapping[Status, int] = field(default_factory=dict)
    allowed: Mapping[Status, int] = field(default_factory=dict)
    origin: RunOrigin = RunOrigin()
    up_to_date: int = 0
    had_unknown_slots: bool = False

    @property
    def has_other_hosts(self) -> bool:
        """Whether an attempt ran on another host than that of the process that drives the run, or on a worker."""
        return any(job.worker is not None or (job.host or self.host) != self.host for job in self.jobs)

    @property
    def has_known_slots(self) -> bool:
        """Whether `max_parallel_jobs` is a number of slots, and was so all the time."""
        return not self.had_unknown_slots and has_known_slots(self.plan.policy.cluster, self.max_parallel_jobs)

    @property
    def job_counts(self) -> JobCounts:
        """The jobs by their outcome."""
        driven = self.result == Status.RUNNING
        left_out = len(self.plan.left_out)
        return JobCounts(self.counts, self.allowed, driven=driven, left_out=left_out, up_to_date=self.up_to_date)
