"""What a request to stop does, as one line: for the whole run, or for one job."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from orchestrator.console.text import count, whole_seconds
from orchestrator.journal.events import EventRecord
from orchestrator.plan.model import PlannedJob, When


def stop_line(
    record: EventRecord, running: Collection[str], jobs: Mapping[str, PlannedJob], *, drains: bool = False
) -> str:
    """The line for a `cancel.requested`, while `running` runs; empty where the ends of jobs say it all.

    `drains`: after a failure, fail-fast lets running jobs finish.
    """
    job, force = record["job"], record["force"]
    if job is not None:
        if job not in running or record["reason"] != "user":
            return ""  # the end of the job follows, and has the reason
        if force:
            return f"Killing {job}."
        return f"Cancelled {job}: stopping it{_up_to([job], jobs)}. Cancel it again to kill it."
    # What runs whatever happens is stopped only by force.
    stopping = [one for one in running if force or one not in jobs or jobs[one].when is not When.ALWAYS]
    if force:
        return f"Killing {count(len(stopping), 'job')}." if stopping else "Interrupted again: no job is running."
    if record["reason"] == "fail_fast" and drains:
        left = f"waiting for {count(len(running), 'job')} to end" if running else "no job is running"
        return f"A job failed and fail-fast is on: {left}."
    stops = f"stopping {count(len(stopping), 'job')}{_up_to(stopping, jobs)}" if stopping else "no job is running"
    if not stopping and running:
        stops = f"waiting for {count(len(running), 'job')} that always run{'s' if len(running) == 1 else ''}"
    match record["reason"]:
        case "deadline":
            return f"The deadline of the run has passed: {stops}."
        case "fail_fast":
            return f"A job failed and fail-fast is on: {stops}."
        case _:
            again = f" Press Ctrl-C again to kill {'it' if len(stopping) == 1 else 'them'}." if stopping else ""
            return f"Interrupted: {stops}.{again}"


def _up_to(stopping: Collection[str], jobs: Mapping[str, PlannedJob]) -> str:
    longest = max((jobs[one].spec.stop_seconds for one in stopping if one in jobs), default=0.0)
    return f" (up to {whole_seconds(longest)})" if longest >= 1 else ""
