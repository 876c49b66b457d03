"""Placeholders of a run, and what takes their place once their needs have ended.

A placeholder is expanded by the outputs of its needs, as a consequence of the fact that ended the last of them; those
whose matrix is like it grow in the same step, so that each of their cells waits for its counterpart alone. One that
ends before that, left out by its `if` for instance, stands for each of its cells; what is like it is expanded by the
same outputs when its own turn comes. What needs a placeholder keeps that edge: the placeholder stays in the table as
the end of all its cells. Only a job that chooses some of the cells gets new edges. So a growth costs what it adds.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from orchestrator.engine.facts import MatrixExpanded
from orchestrator.engine.job_table import JobTable
from orchestrator.engine.matrix_fail_fast import MatrixFailFast
from orchestrator.engine.output_values import OutputValues
from orchestrator.engine.ready_queue import ReadyQueue
from orchestrator.engine.states import JobState
from orchestrator.plan.cells import Cell, Values
from orchestrator.plan.expansion import Expansion, expansion, with_possible_files
from orchestrator.plan.grown_plan import Grown, cell_jobs, chosen_of, is_chosen, shown_choice
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.plan.run_matrix import CellChoice


class Growth:
    """The placeholders of a plan, by workflow, and the jobs that choose among their cells."""

    __slots__ = (
        "_cells_of",
        "_choosing",
        "_like",
        "_matrices",
        "_placeholders",
        "_planned",
        "_queue",
        "_table",
        "_unmet",
        "_values",
        "_without_cells",
        "expandable",
    )

    def __init__(
        self, plan: Plan, table: JobTable, values: OutputValues, queue: ReadyQueue, matrices: MatrixFailFast
    ) -> None:
        self._table, self._values, self._queue, self._matrices = table, values, queue, matrices
        self._planned = plan.jobs
        self._placeholders = {job.workflow: job for job in plan.jobs if job.run_matrix is not None}
        self._like: dict[str, list[int]] = {}  # placeholders, by the workflow that their matrix is like
        self._choosing: dict[str, list[int]] = {}  # jobs, by the workflow among whose cells they choose
        self._cells_of: dict[str, tuple[Cell, ...]] = {}  # of workflows that have been expanded
        self._without_cells: set[str] = set()  # workflows whose matrix turned out to have none
        self.expandable: set[int] = set()  # placeholders whose needs let them run
        self._unmet: dict[int, str] = {}  # jobs that chose a cell that did not come, each with the reason
        for job in plan.jobs:
            if job.run_matrix is not None and job.run_matrix.like:
                self._like.setdefault(job.run_matrix.like, []).append(job.index)
            if job.chosen_cells:
                self._note_choices(job)

    def clear(self) -> None:
        """Start over, after a resume. What has grown stays."""
        self._without_cells.clear()

    def expansion_of(self, placeholder: PlannedJob) -> Expansion:
        """The cells of a placeholder, by what its needs wrote, or those of the one that its matrix is like."""
        assert placeholder.run_matrix is not None
        model = self._placeholders.get(placeholder.run_matrix.like, placeholder)
        sources = {self._planned[need].workflow: need for need in self._planned[model.index].needs}

        def value_of(workflow: str, output: str) -> str | None:
            return self._values.value_of(sources[workflow], output) if workflow in sources else None

        return with_possible_files(
            expansion(placeholder, value_of, model.run_matrix), placeholder, lambda: self._table.jobs
        )

    def end_without_cells(self, placeholder: PlannedJob) -> None:
        """The needs of a placeholder let it run, and its matrix has no cells."""
        self.expandable.discard(placeholder.index)
        self._without_cells.add(placeholder.workflow)

    def grow(self, placeholder: int, cells: tuple[Cell, ...]) -> list[MatrixExpanded]:
        """Put cells in the place of a placeholder, and of those that are like it, or like the same one. What cannot be
        expanded among these says so when its own needs have ended."""
        planned = self._planned[placeholder]
        assert planned.run_matrix is not None
        model = planned.run_matrix.like or planned.workflow
        grown = [self._put(placeholder, cells)]
        for other in (self._planned[one] for one in self._like.get(model, ())):
            if self._table.states[other.index] is JobState.PENDING:
                found = self.expansion_of(other).cells
                grown += [self._put(other.index, found)] if found else []
        return grown

    @property
    def growths(self) -> list[Grown]:
        """What has taken the place of placeholders, in order."""
        return [Grown(workflow, cells) for workflow, cells in self._cells_of.items()]

    def why_unable(self, job: int) -> str:
        """Why a job cannot run that its needs let run: it chose a cell that did not come, or uses a value that does not
        exist or is too long. Empty if it can."""
        planned = self._table.jobs[job]
        for choice in planned.chosen_cells:
            if choice.workflow in self._without_cells:
                return _unmet(choice.workflow, chosen_of(planned, choice.workflow, planned.matrix) or ())
        if job in self._unmet:
            return self._unmet[job]
        return self._values.why_unusable(job) if planned.spec.needed_values else ""

    def _put(self, placeholder: int, cells: tuple[Cell, ...]) -> MatrixExpanded:
        table = self._table
        planned, first = table.jobs[placeholder], len(table.jobs)
        made = range(first, first + len(cells))
        jobs = [self._with_needs(job, planned) for job in cell_jobs(planned, cells, first)]
        table.grow(placeholder, jobs)
        self.expandable.discard(placeholder)
        self._queue.grow(placeholder, first, len(cells))
        self._matrices.grow(placeholder, made)
        self._cells_of[planned.workflow] = cells
        if (cause := table.cancelled.pop(placeholder, None)) is not None:
            table.cancelled |= dict.fromkeys(made, cause)
        for job in self._choosing.get(planned.workflow, ()):
            # A success is one that a resume kept: it ran when the placeholder stood for the cell that it chose.
            if table.jobs[job].run_matrix is None and table.states[job] in (JobState.PENDING, JobState.SUCCEEDED):
                self._choose(job, placeholder, made, cells)
        return MatrixExpanded(placeholder, planned.workflow, cells)

    def _with_needs(self, cell: PlannedJob, placeholder: PlannedJob) -> PlannedJob:
        """A new job, with the chosen cells in the place of a placeholder that it needs."""
        needs: dict[int, None] = {}
        open_choices: list[CellChoice] = []
        for need in placeholder.needs:
            workflow = self._table.jobs[need].workflow
            chosen = chosen_of(placeholder, workflow, cell.matrix)
            found: list[int] = []
            if chosen is not None and workflow in self._cells_of:
                found = _chosen(self._table.jobs[need].needs, self._cells_of[workflow], chosen)
                if not found:
                    self._unmet[cell.index] = _unmet(workflow, chosen)
            elif chosen is not None:
                open_choices += (CellChoice(workflow, one) for one in chosen)
            needs |= dict.fromkeys(found or [need])
        cell = replace(cell, needs=tuple(needs), chosen_cells=tuple(open_choices))
        self._note_choices(cell)
        return cell

    def _note_choices(self, job: PlannedJob) -> None:
        for workflow in dict.fromkeys(choice.workflow for choice in job.chosen_cells):
            self._choosing.setdefault(workflow, []).append(job.index)

    def _choose(self, job: int, placeholder: int, made: range, cells: Sequence[Cell]) -> None:
        planned, workflow = self._table.jobs[job], self._table.jobs[placeholder].workflow
        chosen = chosen_of(planned, workflow, planned.matrix) or ()
        if found := _chosen(made, cells, chosen):
            self._table.choose(job, placeholder, found)
        else:
            self._unmet[job] = _unmet(workflow, chosen)


def _chosen(jobs: Sequence[int], cells: Sequence[Cell], chosen: Sequence[Values]) -> list[int]:
    return [job for job, cell in zip(jobs, cells, strict=True) if is_chosen(chosen, cell.values)]


def _unmet(workflow: str, chosen: Sequence[Values]) -> str:
    return f"`{workflow}` has no job with {shown_choice(chosen)}"
