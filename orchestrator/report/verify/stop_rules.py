"""The rules about stopping: when a run must stop, cancel a job, or terminate an attempt.

A violation shows when something starts, or ends by itself, that no longer should."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.engine.outcomes import FAILURE_NAMES
from orchestrator.journal.events import EventRecord
from orchestrator.report.verify.rules import Rule
from orchestrator.report.verify.run_state import EPSILON, JudgedJob, StopState

LATE = 5.0  # seconds; a job that ends this soon after the run was stopped may have ended by itself


class StopRules(Struct):
    """`fail_fast` is that of the run, `began` the second at which it started or was resumed, `deadline` the one at
    which it has to stop. `has_failed`: a job failed since then without being allowed to; `matrices` are the workflows
    whose other jobs are to be cancelled for that."""

    fail_fast: bool | str = False
    began: float = 0.0
    deadline: float | None = None
    has_failed: bool = False
    matrices: frozenset[str] = frozenset()

    def begin(self, at: float, limit: float | None) -> None:
        """The run starts or is resumed at this second."""
        self.began = at
        self.deadline = None if limit is None else at + limit
        self.has_failed, self.matrices = False, frozenset()

    def ended(self, job: JudgedJob, status: str) -> None:
        """A job has ended."""
        if status in FAILURE_NAMES and not job.may_fail:
            self.has_failed = True
            if job.matrix:
                self.matrices |= {job.matrix}

    def violation_of_stop(self, event: EventRecord) -> str:
        """Why the run should not have been requested to stop; empty if it may."""
        match event["reason"]:
            case "deadline" if self.deadline is None:
                return "stopped by a deadline, but the run has none"
            case "deadline" if event["at"] < (self.deadline or 0.0) - EPSILON:
                return f"stopped by the deadline after {event['at'] - self.began:g} s, before it passed"
            case "fail_fast" if self.fail_fast is False:
                return "stopped by fail-fast, which is off"
            case "fail_fast" if not self.has_failed:
                return "stopped by fail-fast before any job had failed"
        return ""

    def violation_at_start(self, job: JudgedJob, at: float, stop: StopState) -> tuple[Rule, str] | None:
        """Why this job should not have been started, apart from its own needs."""
        if stop.covers(job):
            return Rule.STOP, "while the run is stopping"
        if not stop.on and self.has_failed and self.fail_fast is not False:
            return Rule.STOP, "after a failure that should have stopped the run"
        if stop.hurried_at is None and self.deadline is not None and at > self.deadline + EPSILON:
            return Rule.STOP, f"after the deadline of the run at second {self.deadline:g}"
        if job.matrix in self.matrices:
            return Rule.CANCEL, "after another job of its matrix had failed"
        return None

    def violation_at_end(self, job: JudgedJob, at: float, stop: StopState) -> tuple[Rule, str] | None:
        """Why this attempt should have been terminated."""
        since = stop.kills_since
        if since is None or job.end_requested or not stop.covers(job) or at < max(since, job.started_at) + LATE:
            return None
        return Rule.KILL, f"{at - since:g} s after the run was stopped, and was never terminated"
