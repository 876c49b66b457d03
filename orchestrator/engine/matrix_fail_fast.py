"""Fail-fast inside a matrix: once one of its jobs has failed for good, the others are cancelled, one by one."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.engine.commands import Cancel
from orchestrator.engine.states import CancelReason
from orchestrator.plan.model import Plan


class MatrixFailFast:
    """The jobs of each matrix that fails fast, and those of them that are still to be cancelled."""

    __slots__ = ("_failed", "_jobs_of", "_workflow_of", "to_cancel")

    def __init__(self, plan: Plan) -> None:
        self._workflow_of = {job.index: job.workflow for job in plan.jobs if job.matrix_fail_fast}
        self._jobs_of: dict[str, list[int]] = {}
        for job, workflow in self._workflow_of.items():
            self._jobs_of.setdefault(workflow, []).append(job)
        self._failed: dict[str, int] = {}  # the first job of each that failed
        self.to_cancel: set[int] = set()  # until they have ended, or their cancellation was recorded

    def grow(self, placeholder: int, cells: range) -> None:
        """Cells take the place of a placeholder."""
        workflow = self._workflow_of.pop(placeholder, None)
        if workflow is not None:
            self._jobs_of[workflow] = list(cells)
            self._workflow_of |= dict.fromkeys(cells, workflow)

    def fail(self, job: int, is_open: Callable[[int], bool]) -> None:
        """A job failed and its failure is not allowed: if it is the first of its matrix, cancel the jobs still open."""
        workflow = self._workflow_of.get(job)
        if workflow is not None and workflow not in self._failed:
            self._failed[workflow] = job
            self.to_cancel.update(other for other in self._jobs_of[workflow] if is_open(other))

    def first_failure_in_matrix(self, job: int) -> int | None:
        """The job whose failure cancels this one."""
        return self._failed.get(self._workflow_of.get(job, ""))

    def due_commands(self) -> list[Cancel]:
        """A command for each job in `to_cancel`, until it is taken out of there."""
        return [Cancel(CancelReason.FAIL_FAST, job) for job in sorted(self.to_cancel)]

    def clear(self) -> None:
        """Start over, after a resume."""
        self._failed.clear()
        self.to_cancel.clear()

    def snapshot(self) -> tuple[object, ...]:
        """Everything that a replay must reproduce."""
        return tuple(sorted(self._failed.items())), tuple(sorted(self.to_cancel))
