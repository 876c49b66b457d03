"""How many jobs of a run ended how: the one function and the one wording of every report, table and progress line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from orchestrator.console.text import count
from orchestrator.report.status import FAILED_STATUSES, Status

_ORDER = (Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.LOST)
_ORDER_AFTER_ALLOWED = (Status.CANCELLED, Status.SKIPPED, Status.LEFT_OUT, Status.RUNNING, Status.PENDING)


class JobCounts(NamedTuple):
    """`statuses` counts all jobs, `allowed` those of them whose failure is allowed. `driven`: a process drives the run,
    so that its other jobs will still run. `left_out` are the workflows that are not part of the plan: they are no jobs,
    and the total is without them. `up_to_date` of the successes did not have to run."""

    statuses: Mapping[Status, int]
    allowed: Mapping[Status, int]
    driven: bool = False
    left_out: int = 0
    up_to_date: int = 0

    @property
    def total(self) -> int:
        """The number of jobs."""
        return sum(self.statuses.values())

    def parts(self) -> list[tuple[int, str]]:
        """Number and words of each part that is not 0. The numbers add up to the total."""
        words = {} if self.driven else {Status.RUNNING: "interrupted", Status.PENDING: "not started"}
        words = {Status.PENDING: "waiting"} | words
        allowed = sum(self.allowed.values())
        found = [
            *((self.statuses.get(status, 0) - self.allowed.get(status, 0), status.words) for status in _ORDER),
            (allowed, "allowed failure" if allowed == 1 else "allowed failures"),
            *((self.statuses.get(status, 0), words.get(status, status.words)) for status in _ORDER_AFTER_ALLOWED),
        ]
        return [(number, what) for number, what in found if number]

    def __str__(self) -> str:
        """`9 of 12 jobs succeeded, 1 failed, 1 allowed failure, 1 skipped; 2 workflows left out`."""
        succeeded = self.statuses.get(Status.SUCCESS, 0)
        others = [f"{number} {what}" for number, what in self.parts() if what != Status.SUCCESS.words]
        left_out = f"; {count(self.left_out, 'workflow')} left out" if self.left_out else ""
        kept = f" ({self.up_to_date} up to date)" if self.up_to_date else ""
        return ", ".join([f"{succeeded} of {count(self.total, 'job')} succeeded{kept}", *others]) + left_out


def failures(counts: JobCounts) -> int:
    """How many jobs failed, timed out or were lost, without those that are allowed to."""
    return sum(counts.statuses.get(status, 0) - counts.allowed.get(status, 0) for status in FAILED_STATUSES)
