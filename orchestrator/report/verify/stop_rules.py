"""What a run owes once something has happened: to stop, to cancel, to tell a job to end.

Judged where it shows: when something starts, or ends, that no longer should."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.report.verify.rules import Rule
from orchestrator.report.verify.run_state import BROKE, SECOND, Job, Stop

LATE = 5.0  # seconds; a job that ends so soon after the run was stopped may have ended by itself


class StopRules(Struct):
    """`fail_fast` is that of the run, `deadline` the second at which it has to stop. `has_failed`: a job has, since the
    run began or was resumed, and not as allowed; `matrices` are the workflows whose other jobs are done for by that."""

    fail_fast: bool | str = False
    deadline: float | None = None
    has_failed: bool = False
    matrices: frozenset[str] = frozenset()

    def begin(self, at: float, limit: float | None) -> None:
        """The run begins, or goes on, at this second."""
        self.deadline = None if limit is None else at + limit
        self.has_failed, self.matrices = False, frozenset()

    def ended(self, job: Job, status: str) -> None:
        """A job has ended."""
        if status in BROKE and not job.may_fail:
            self.has_failed = True
            if job.matrix:
                self.matrices |= {job.matrix}

    def neglected_at_start(self, job: Job, at: float, stop: Stop) -> tuple[Rule, str] | None:
        """Why this job should not have been started, as far as it is not for its own needs."""
        if stop.covers(job):
            return Rule.STOP, "while the run is stopping"
        if not stop.on and self.has_failed and self.fail_fast is not False:
            return Rule.STOP, "after a failure that should have stopped the run"
        if stop.hurried_at is None and self.deadline is not None and at > self.deadline + SECOND:
            return Rule.STOP, f"after the deadline of the run, which was second {self.deadline:g}"
        if job.matrix in self.matrices:
            return Rule.CANCEL, "after another job of its matrix had failed"
        return None

    def neglected_at_end(self, job: Job, at: float, stop: Stop) -> tuple[Rule, str] | None:
        """Whether somebody should have told it to end."""
        since = stop.kills_since
        if since is None or job.told_to_end or not stop.covers(job) or at < max(since, job.started_at) + LATE:
            return None
        return Rule.KILL, f"{at - since:g} s after the run was stopped, and was never told to end"
