"""Workflows to the jobs that they may have: one each, or one for each cell of a matrix.

Jobs are numbered in the order of the workflows, the cells of one matrix consecutively. Without any matrix, jobs and
workflows have the same numbers, and nothing is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orchestrator.diagnostics.model import Diagnostic
from orchestrator.manifest.file_facts import Listings
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.scalars import Value
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.cells import Cell
from orchestrator.plan.matrix import matrices_of
from orchestrator.plan.run_matrix import RunMatrix

MAX_JOBS = 200_000


class Numbering(Struct, frozen=True):
    """The jobs by number: the id of each, its workflow's number, and its cell if it has one. `first_of[n]` is the first
    job of workflow number n; one more entry ends the last. `cells` has the cells of each matrix by workflow name;
    `empty` has the workflows whose matrix may have none and has none, each with the reason: they have one job, which is
    left out. `run_matrices` are those whose values are not known when planning: such a workflow has a placeholder, its
    only job."""

    ids: Sequence[str]
    workflow_of: Sequence[int]
    first_of: Sequence[int]
    cells: Mapping[str, tuple[Cell, ...]]
    empty: Mapping[str, str] = {}
    run_matrices: Mapping[str, RunMatrix] = {}

    @property
    def is_plain(self) -> bool:
        """Whether each workflow has just one job."""
        return not self.cells

    def jobs_of(self, workflow: int) -> range:
        """The jobs of a workflow."""
        return range(self.first_of[workflow], self.first_of[workflow + 1])

    def values_of(self, job: int, name: str) -> Mapping[str, Value]:
        """The values of the cell that this job of the workflow `name` is for; none without a matrix."""
        cell = self.cell_of(job, name)
        return {} if cell is None else cell.values

    def cell_of(self, job: int, name: str) -> Cell | None:
        """The cell that this job of the workflow `name` is for."""
        cells = self.cells.get(name)
        return None if cells is None else cells[job - self.first_of[self.workflow_of[job]]]


def number_jobs(
    manifest: Manifest, key_index: KeyIndex, listings: Listings, source: SourceMap, found: list[Diagnostic]
) -> Numbering:
    """The jobs of a manifest. A workflow whose matrix has errors, which `found` gets, has one job without a cell."""
    names = list(manifest.workflows)
    matrices = matrices_of(key_index, listings, source, found)
    cells = {name: matrix.cells for name, matrix in matrices.items() if matrix.cells}
    empty = {name: matrix.empty for name, matrix in matrices.items() if matrix.empty}
    run_matrices = {name: matrix.run_matrix for name, matrix in matrices.items() if matrix.run_matrix is not None}
    if not cells:
        return Numbering(names, range(len(names)), range(len(names) + 1), {}, empty)
    if sum(map(len, cells.values())) > MAX_JOBS:
        message = f"the matrices have {sum(map(len, cells.values())):,} cells in total"
        found.append(Diagnostic("PX230", message, source.key(("workflows",)), help=f"the limit is {MAX_JOBS:,}"))
        return Numbering(names, range(len(names)), range(len(names) + 1), {})
    ids: list[str] = []
    workflow_of: list[int] = []
    first_of = [0]
    for number, name in enumerate(names):
        labels = [f"{name}[{cell.label}]" for cell in cells.get(name, ())] or [name]
        ids += labels
        workflow_of += [number] * len(labels)
        first_of.append(len(ids))
    return Numbering(ids, workflow_of, first_of, cells, empty, run_matrices)
