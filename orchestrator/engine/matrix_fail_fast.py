"""Fail-fast inside of a matrix: when one of its jobs fails for good, the others are to be cancelled, one by one."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.engine.commands import Cancel
from orchestrator.engine.states import CancelReason
from orchestrator.plan.model import Plan


class Matrices:
    """The jobs of each matrix that fails fast, and those of them that are to be cancelled and were not yet."""

    __slots__ = ("_doomed", "_failed", "_jobs_of", "_workflow_of")

    def __init__(self, plan: Plan) -> None:
        self._workflow_of = {job.index: job.workflow for job in plan.jobs if job.matrix_fail_fast}
        self._jobs_of: dict[str, list[int]] = {}
        for job, workflow in self._workflow_of.items():
            self._jobs_of.setdefault(workflow, []).append(job)
        self._failed: dict[str, int] = {}  # the first job of each that failed
        self._doomed: set[int] = set()

    def fail(self, job: int, is_open: Callable[[int], bool]) -> None:
        """A job failed, and is not allowed to; if it is the first of its matrix, those that are open are doomed."""
        workflow = self._workflow_of.get(job)
        if workflow is not None and workflow not in self._failed:
            self._failed[workflow] = job
            self._doomed.update(other for other in self._jobs_of[workflow] if is_open(other))

    def forget(self, job: int) -> None:
        """The job has ended, or is asked to."""
        self._doomed.discard(job)

    def first_failure_in_matrix(self, job: int) -> int | None:
        """The job whose failure dooms this one."""
        return self._failed.get(self._workflow_of.get(job, ""))

    def wishes(self) -> list[Cancel]:
        """A command for each doomed job, until it is forgotten."""
        return [Cancel(CancelReason.FAIL_FAST, job) for job in sorted(self._doomed)]

    def clear(self) -> None:
        """Everything starts over."""
        self._failed.clear()
        self._doomed.clear()

    def snapshot(self) -> tuple[object, ...]:
        """All that replays must agree on."""
        return tuple(sorted(self._failed.items())), tuple(sorted(self._doomed))
