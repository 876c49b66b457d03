"""The rules about placeholders: the cells that take their place are the expansion of the recorded value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator.journal.events import EventRecord
from orchestrator.plan.expansion import Expansion, expansion
from orchestrator.plan.model import PlannedJob
from orchestrator.report.verify.rules import Rule
from orchestrator.report.verify.run_state import JudgedJob


class GrowthRules:
    """`placeholders` are those of the plan before it grew, by id; `value_of` is the value of an output of a job."""

    def __init__(
        self,
        placeholders: Mapping[str, PlannedJob],
        jobs: Sequence[JudgedJob],
        value_of: Callable[[JudgedJob, str], str | None],
    ) -> None:
        self._placeholders = placeholders
        self._jobs = jobs
        self._value_of = value_of
        self._cells: dict[str, object] = {}  # of workflows that have been expanded

    def has_left(self, job_id: str) -> bool:
        """Whether this is a placeholder whose place others have taken, or will."""
        return job_id in self._placeholders

    def violation_of_expansion(self, event: EventRecord) -> tuple[Rule, str] | None:
        """What is wrong with an expansion, as a predicate of the matrix."""
        wrong = self._what_is_wrong(event)
        return (Rule.GROWTH, wrong) if wrong else None

    def _what_is_wrong(self, event: EventRecord) -> str:
        placeholder, workflow = self._placeholders.get(event["job"]), event["workflow"]
        if placeholder is None or placeholder.run_matrix is None or placeholder.workflow != workflow:
            return f"of `{workflow}` is expanded for `{event['job']}`, which is no placeholder of it"
        if workflow in self._cells:
            return f"of `{workflow}` is expanded twice"
        self._cells[workflow] = event["cells"]
        like = placeholder.run_matrix.like
        if like:
            values = [cell["values"] for cell in event["cells"]]
            others = self._cells.get(like)
            same = isinstance(others, list) and [cell["values"] for cell in others] == values
            return "" if same else f"of `{workflow}` has not the cells of `{like}`, which it is like"
        wanted = self._expansion(placeholder)
        cells = [{"id": f"{workflow}[{cell.label}]", "values": dict(cell.values)} for cell in wanted.cells]
        return "" if cells == event["cells"] else f"of `{workflow}` has not the cells of the recorded value"

    def may_fail(self, job: JudgedJob) -> bool:
        """Whether a job may fail without an attempt: a placeholder with a wrong value, or one with an unmet choice."""
        placeholder = self._placeholders.get(job.id)
        if placeholder is None:
            return job.unmet
        return placeholder.run_matrix is not None and bool(
            not placeholder.run_matrix.like and self._expansion(placeholder).problem
        )

    def is_empty(self, job: JudgedJob) -> bool:
        """Whether a job is a placeholder that has no cells."""
        placeholder = self._placeholders.get(job.id)
        if placeholder is None or placeholder.run_matrix is None:
            return False
        if placeholder.run_matrix.like:
            return placeholder.run_matrix.like not in self._cells
        return self._expansion(placeholder) == Expansion()

    def _expansion(self, placeholder: PlannedJob) -> Expansion:
        def value(workflow: str, output: str) -> str | None:
            job = next((job for job in self._jobs if job.workflow == workflow), None)
            return None if job is None else self._value_of(job, output)

        return expansion(placeholder, value)
