"""How long a job took: from the start of its first attempt to the end of its last, the waiting between included.

The one meaning of time wherever text shows the time of a job. Results and events also have the sum over its attempts.
"""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.console.text import duration_and_waiting
from orchestrator.report.model import RunReport


class JobTime(NamedTuple):
    """In seconds. `waiting` is the part in which none of its attempts ran: before a retry, or before the process that
    pexec requested has started."""

    total: float
    waiting: float

    def __str__(self) -> str:
        """`1.9s (1.5s waiting)`."""
        return duration_and_waiting(self.total, self.waiting)


def job_time(report: RunReport, index: int) -> JobTime | None:
    """The time of a job so far, in the current part of a run that was resumed; None if it has not started in it."""
    job = report.jobs[index]
    if job.started_at is None:
        return None
    end = report.ended[index] if job.finished_at is not None else max(report.ended[index], report.at)
    total = max(0.0, end - report.began[index])
    running = max(0.0, job.execution_time_seconds - report.spent_before.get(index, 0.0))
    if job.finished_at is None:
        return JobTime(total, 0.0)  # how long its current attempt has been running is not recorded yet
    return JobTime(max(total, running), max(0.0, total - running))
