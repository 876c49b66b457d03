"""The attempts of a run that failed, timed out or were lost: also those of jobs that succeeded in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from orchestrator.engine.outcomes import FAILURE_NAMES
from orchestrator.journal.events import EventRecord
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILED_STATUSES, STATUS_OF_EVENT, Status

MOST_OF_A_JOB = 10  # that a page shows


class FailedAttempt(msgspec.Struct, gc=False):
    """One attempt that did not succeed. `log` is relative to the run directory; None if the attempt has no log."""

    number: int
    status: Status
    reason: str
    exit_code: int | None
    signal: str | None
    log: str | None


class FailedAttempts:
    """Add the events of a run in order. Takes memory for failed attempts only, not for each job; with `most`, for at
    most this many of each job, the latest."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._of: dict[str, list[FailedAttempt]] = {}
        self._reasons: dict[str, str] = {}  # most are the same

    def add(self, event: EventRecord) -> None:
        """Add one record of the journal."""
        if event["event"] != "attempt.finished" or event["verdict"] not in FAILURE_NAMES:
            return
        status = STATUS_OF_EVENT[event["verdict"]]
        reason = self._reasons.setdefault(event["reason"], event["reason"])
        attempt = FailedAttempt(event["attempt"], status, reason, event["exit_code"], event["signal"], event["log"])
        attempts = self._of.setdefault(event["job"], [])
        attempts.append(attempt)
        if self._most is not None and len(attempts) > self._most:
            del attempts[0]

    def of(self, job: JobReport, *, driven: bool) -> Sequence[FailedAttempt]:
        """The failed attempts of a job, oldest first. If no process drives the run (`driven`), an attempt without an
        end is one of them. A job that failed without a failed attempt has one that is made up from its report."""
        recorded = self._of.get(job.job_id, ())
        interrupted = job.status is Status.RUNNING and not driven
        if interrupted or (job.status in FAILED_STATUSES and not recorded):
            reason = "pexec ended before it did" if interrupted else job.reason
            last = FailedAttempt(job.attempts, job.status, reason, job.exit_code, job.signal, job.log_file)
            return [*recorded, last]
        return recorded

    def logs(self, report: RunReport) -> Iterator[str]:
        """The logs of all failed attempts, in the order of the plan."""
        driven = report.result == Status.RUNNING
        for job in report.jobs:
            for attempt in self.of(job, driven=driven):
                if attempt.log is not None:
                    yield attempt.log
