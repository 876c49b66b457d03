"""The rules about placeholders: the cells that take their place are the expansion of the recorded value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from orchestrator.journal.events import EventRecord
from orchestrator.plan.expansion import Expansion, expansion, with_possible_files
from orchestrator.plan.model import PlannedJob
from orchestrator.report.verify.condition_rules import ConditionRules
from orchestrator.report.verify.output_rules import OutputRules
from orchestrator.report.verify.rules import Rule
from orchestrator.report.verify.run_state import JudgedJob


class Growing(Struct, frozen=True):
    """The placeholders of a plan before it grew, by id, and all its jobs as it has grown."""

    placeholders: Mapping[str, PlannedJob]
    jobs: Sequence[PlannedJob]


NO_GROWTH = Growing({}, ())


class GrowthRules:
    """`jobs` are those of the plan as it has grown."""

    def __init__(
        self,
        growing: Growing,
        jobs: Sequence[JudgedJob],
        outputs: OutputRules,
        conditions: ConditionRules,
    ) -> None:
        self._placeholders = growing.placeholders
        self._by_workflow = {one.workflow: one for one in growing.placeholders.values()}
        self._conditions = conditions
        self._planned = growing.jobs
        self._jobs = jobs
        self._outputs = outputs
        self._without_cells: set[str] = set()  # workflows that ended without cells, and have been expanded since
        self._cells: dict[str, object] = {}  # of workflows that have been expanded

    def has_left(self, job_id: str) -> bool:
        """Whether this is a placeholder whose place others have taken, or will."""
        return job_id in self._placeholders

    def end_before_growth(self, job_id: str, status: str) -> list[JudgedJob]:
        """A placeholder ended, in whose place others are in the end, after a resume: it stands for each of these."""
        cells = [job for job in self._jobs if job.placeholder == job_id]
        if status in ("failed", "left_out"):
            self._without_cells |= {job.workflow for job in cells}
        return cells

    def cells_to_come(self, job_id: str) -> list[JudgedJob]:
        """The jobs that take the place of this placeholder later: a cancel of it is one of each of them."""
        is_to_come = job_id in self._placeholders and self._placeholders[job_id].workflow not in self._cells
        return [job for job in self._jobs if job.placeholder == job_id] if is_to_come else []

    def resume(self) -> None:
        """What ended without cells may have some now."""
        self._without_cells.clear()

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
        wanted = self._expansion(placeholder)
        self._cells[workflow] = event["cells"]
        cells = [{"id": f"{workflow}[{cell.label}]", "values": dict(cell.values)} for cell in wanted.cells]
        return "" if cells == event["cells"] else f"of `{workflow}` has not the cells of the recorded value"

    def may_fail(self, job: JudgedJob) -> bool:
        """Whether a job may fail without an attempt: a placeholder with a wrong value, or one with an unmet choice."""
        placeholder = self._placeholders.get(job.id)
        if placeholder is not None:
            return bool(self._expansion(placeholder).problem)
        return self.is_unmet(job) or any(self._jobs[need].workflow in self._without_cells for need in job.needs)

    def is_empty(self, job: JudgedJob) -> bool:
        """Whether a job is a placeholder that has no cells."""
        placeholder = self._placeholders.get(job.id)
        return placeholder is not None and self._expansion(placeholder) == Expansion()

    def is_unmet(self, job: JudgedJob) -> bool:
        """Whether a job whose needs have ended chose a cell that did not come."""
        return any(workflow in self._cells or self._has_no_cells(workflow) for workflow in job.unmet)

    def _has_no_cells(self, workflow: str) -> bool:
        """Whether the needs and the `if` of a placeholder, which has ended, let it run: it has no cells then. Else it
        stands for each of them."""
        job = self._first_of(workflow)
        return job is not None and (
            job.status == "failed" or (job.status == "left_out" and self._conditions.holds(job))
        )

    def _first_of(self, workflow: str) -> JudgedJob | None:
        return next((job for job in self._jobs if job.workflow == workflow), None)

    def _expansion(self, placeholder: PlannedJob) -> Expansion:
        assert placeholder.run_matrix is not None
        model = self._by_workflow.get(placeholder.run_matrix.like, placeholder)

        def value(workflow: str, output: str) -> str | None:
            job = self._first_of(workflow)
            return None if job is None else self._outputs.value(job, output)

        found = expansion(placeholder, value, model.run_matrix)
        return with_possible_files(found, placeholder, self._known_now)

    def _known_now(self) -> Iterator[PlannedJob]:
        """The jobs without those that take the place of a placeholder later."""
        return (job for job in self._planned if not job.expanded_from or job.workflow in self._cells)
