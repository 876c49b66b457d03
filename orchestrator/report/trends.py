"""Several runs of one manifest together: how long they took, what failed, and which jobs are flaky. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.report.status import FAILED_STATUSES, Status


class PastJobResult(Struct, frozen=True, gc=False):
    """What a trend needs of a job in `results_summary.json`."""

    job_id: str
    status: Status
    execution_time_seconds: float
    attempts: int


class PastTotals(Struct, frozen=True, gc=False):
    """What a trend needs of the summary."""

    total_jobs: int
    failed_jobs: int
    wall_time_seconds: float


class PastRun(Struct, frozen=True):
    """What a trend needs of `results_summary.json`."""

    run_id: str
    name: str
    execution_timestamp: str | None
    execution_result: str
    jobs: list[PastJobResult]
    summary: PastTotals


class JobTrend(Struct, frozen=True):
    """One job over several runs: in how many it ran to an end, failed, and succeeded only after a retry. `changes`
    counts how often its outcome differed from that of the run before. `seconds` are those of its successes, oldest
    first."""

    job_id: str
    runs: int
    failed: int
    retried: int
    changes: int
    seconds: tuple[float, ...]

    @property
    def is_flaky(self) -> bool:
        """Whether it needed a retry, or failed, succeeded and failed again: one change may be a repair."""
        return self.retried > 0 or self.changes > 1

    @property
    def typical_seconds(self) -> float:
        """The median of its successes; 0 if there are none."""
        return sorted(self.seconds)[len(self.seconds) // 2] if self.seconds else 0.0


def job_trends(runs: Sequence[PastRun]) -> list[JobTrend]:
    """The trends of all jobs that ran in one of the runs, which are sorted from the oldest to the newest."""
    ran: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    retried: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    last: dict[str, bool] = {}
    seconds: dict[str, list[float]] = {}
    for run in runs:
        for job in run.jobs:
            is_failure = job.status in FAILED_STATUSES
            if not is_failure and (job.status is not Status.SUCCESS or not job.attempts):
                continue
            name = job.job_id
            ran[name] += 1
            failed[name] += is_failure
            retried[name] += job.attempts > 1 and not is_failure
            changes[name] += last.get(name, is_failure) != is_failure
            last[name] = is_failure
            if not is_failure:
                seconds.setdefault(name, []).append(job.execution_time_seconds)
    return [
        JobTrend(name, ran[name], failed[name], retried[name], changes[name], tuple(seconds.get(name, ())))
        for name in ran
    ]
