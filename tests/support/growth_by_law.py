"""What the laws know of placeholders: their cells, found anew from what was written, and edges from job to job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from support.attempts_by_law import S
from support.values_by_law import ValuesByLaw

from orchestrator.engine.states import JobState
from orchestrator.plan.model import PlannedJob

Cells = list[dict[str, Any]]


class GrowthByLaw:
    """`jobs` grows. Here each job needs the cells themselves, and a placeholder that was expanded is needed by none."""

    def __init__(self, jobs: list[PlannedJob], values: ValuesByLaw) -> None:
        self._jobs = jobs
        self._planned = tuple(jobs)
        self._values = values
        self._cells_of: dict[str, list[int]] = {}
        self.unmet: set[int] = set()
        self.place = {job.index: (job.index, 0) for job in jobs}
        self.news: list[tuple[int, Cells]] = []

    def end_of(self, placeholder: PlannedJob, ended: Mapping[int, JobState]) -> tuple[JobState, Cells]:
        """How a placeholder ends whose needs let it run, and its cells if it is expanded."""
        matrix = placeholder.run_matrix
        assert matrix is not None
        (model,) = [job for job in self._planned if job.workflow == matrix.like] if matrix.like else [placeholder]
        assert model.run_matrix is not None
        (axis,) = model.run_matrix.axes
        source = [job for job in self._jobs if job.workflow == axis.workflow]
        text = axis.default or (self._values.value(source[0].index, axis.output, ended) if source else None)
        found = None if text is None else json.loads(text)
        if not isinstance(found, list) or len(set(found)) < len(found):
            return S.FAILED, []
        only = [name.partition("=")[2].removesuffix("]") for name in matrix.only]
        if not set(only) <= set(found):
            return S.FAILED, []
        found = [value for value in found if value in only or not only]
        return (S.EXPANDED, [{axis.name: value} for value in found]) if found else (S.LEFT_OUT, [])

    def expand(self, placeholder: PlannedJob, cells: Cells, ended: dict[int, JobState], doomed: set[int]) -> None:
        """Put cells in the place of a placeholder, and of those that are like it."""
        self.news.append((placeholder.index, cells))
        ended[placeholder.index] = S.EXPANDED
        before = self._planned[placeholder.index]
        assert before.run_matrix is not None
        made = []
        for number, values in enumerate(cells):
            index = len(self._jobs)
            label = ",".join(f"{key}={value}" for key, value in values.items())
            job = replace(before, index=index, id=f"{before.workflow}[{label}]", matrix=values, run_matrix=None)
            self._jobs.append(job)
            self.place[index] = (placeholder.index, number + 1)
            made.append(index)
        self._cells_of[before.workflow] = made
        if placeholder.index in doomed:
            doomed |= set(made)
        for job in self._jobs:
            if ended.get(job.index) is not S.EXPANDED:  # also those that have ended: a resume begins some of them again
                self._rewire(job)
        model = before.run_matrix.like or before.workflow
        for other in self._planned:
            if other.run_matrix is not None and other.run_matrix.like == model and other.index not in ended:
                state, others = self.end_of(other, ended)
                if state is S.EXPANDED:
                    self.expand(other, others, ended, doomed)

    def _rewire(self, job: PlannedJob) -> None:
        place = self.place[job.index][0]
        row: list[int] = []
        self.unmet.discard(job.index)
        for need in self._planned[place].needs:
            workflow = self._planned[need].workflow
            cells = self._cells_of.get(workflow) if self._planned[need].run_matrix else None
            if cells is None:
                row.append(need)
                continue
            choices = [choice for choice in self._planned[place].chosen_cells if choice.workflow == workflow]
            wanted = [
                {**choice.values, **{key: job.matrix.get(own) for key, own in choice.references.items()}}
                for choice in choices
            ]
            chosen = [cell for cell in cells if not wanted or self._jobs[cell].matrix in wanted]
            if job.run_matrix is not None:
                chosen = cells
            elif not chosen:
                self.unmet.add(job.index)
            row += chosen or cells
        after: list[int] = []
        for other in self._planned[place].after:
            cells = self._cells_of.get(self._planned[other].workflow) if self._planned[other].run_matrix else None
            after += cells or [other]
        self._jobs[job.index] = replace(job, needs=tuple(dict.fromkeys(row)), after=tuple(after))

    def is_unmet(self, job: PlannedJob, ended: Mapping[int, JobState]) -> bool:
        """Whether a job whose needs have ended chose a cell that did not come. A placeholder that was skipped,
        cancelled or left out by its `if` stands for each of its cells."""
        planned = self._planned[self.place[job.index][0]]
        return job.index in self.unmet or any(
            self._has_no_cells(other, ended)
            for other in self._planned
            for choice in planned.chosen_cells
            if other.workflow == choice.workflow and other.run_matrix is not None
        )

    def _has_no_cells(self, placeholder: PlannedJob, ended: Mapping[int, JobState]) -> bool:
        state = ended.get(placeholder.index)
        if state is S.LEFT_OUT:
            return self._values.condition_holds(self._jobs[placeholder.index], ended)
        return state is S.FAILED
