"""How long a job took: from the start of its first attempt to the end of its last, the waiting between included.

The one meaning of time wherever text shows the time of a job. Results and events also have the sum over its attempts.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from orchestrator.console.text import duration_and_waiting
from orchestrator.report.model import RunReport

LEAST_WALL = 2.0  # seconds


class JobTime(NamedTuple):
    """In seconds. `waiting` is the part before a retry, or before the process that pexec requested has started. Cleanup
    and the ending of processes that were left running are not waiting."""

    total: float
    waiting: float

    def __str__(self) -> str:
        """`1.9s (1.5s waiting)`."""
        return duration_and_waiting(self.total, self.waiting)


def job_time(report: RunReport, index: int) -> JobTime | None:
    """The time of a job so far; None if it has not started.

    After a resume the time begins anew, and for a job that was not started again it is that of its earlier attempts.
    """
    job = report.jobs[index]
    if job.started_at is None:
        return JobTime(job.execution_time_seconds, 0.0) if job.attempts else None
    end = report.ended[index] if job.finished_at is not None else max(report.ended[index], report.at)
    total = max(0.0, end - report.began[index])
    running = max(0.0, job.execution_time_seconds - report.spent_before.get(index, 0.0))
    if job.finished_at is None:
        return JobTime(total, 0.0)  # how long its current attempt has been running is not recorded yet
    # The event of a process may be recorded a moment after its start.
    return JobTime(max(total, running), max(0.0, min(report.waited[index], total - running)))


def slowest_jobs(report: RunReport, most: int) -> tuple[list[int], int]:
    """The jobs that took longest, by index, and the number of the others that have started."""
    began, ended, at = report.began, report.ended, report.at
    times = [
        (
            job.execution_time_seconds
            if job.started_at is None
            else (ended[index] if job.finished_at is not None else at) - began[index],
            index,
        )
        for index, job in enumerate(report.jobs)
        if job.attempts
    ]
    slowest = heapq.nlargest(most, times, key=lambda one: one[0])
    return [index for _, index in slowest], len(times) - len(slowest)


def is_long_enough(report: RunReport) -> bool:
    """Whether the run took long enough for its speedup and the use of its slots to say something."""
    return report.summary.wall_time_seconds >= LEAST_WALL
