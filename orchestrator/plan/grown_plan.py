"""A plan with the cells in the place of placeholders: the jobs that the engine adds, and the plan that readers see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.console.text import value_text
from orchestrator.plan.cells import Cell, Values, matches
from orchestrator.plan.filters import filtered
from orchestrator.plan.model import JobSpec, Plan, PlannedJob
from orchestrator.plan.run_matrix import CellChoice


class Grown(Struct, frozen=True):
    """What a placeholder has become: its workflow, and its cells."""

    workflow: str
    cells: tuple[Cell, ...]


def cell_jobs(placeholder: PlannedJob, cells: Sequence[Cell], first: int) -> list[PlannedJob]:
    """The jobs that take the place of a placeholder, numbered from `first`. Their needs are still its own."""
    from orchestrator.plan.digest import cell_digest  # with the JSON encoder, and few plans grow

    jobs = [
        replace(
            placeholder,
            index=first + number,
            id=f"{placeholder.workflow}[{cell.label}]",
            matrix=cell.values,
            run_matrix=None,
            chosen_cells=(),
            expanded_from=placeholder.id,
            expected_seconds=None,
            digest=cell_digest(placeholder.digest, cell.values),
        )
        for number, cell in enumerate(cells)
    ]
    has_files = placeholder.spec.cell_values and (placeholder.spec.inputs or placeholder.spec.output_files)
    return [_with_own_files(job) for job in jobs] if has_files else jobs


def _with_own_files(job: PlannedJob) -> PlannedJob:
    """A cell whose paths are filled in, which others look at; its other texts remain those of the placeholder."""
    spec = job.spec
    filled = _with_values(spec, cell_texts(job))
    if spec.inputs is not None and filled.inputs is not None:
        inputs = (replace(one, path=new.path) for one, new in zip(spec.inputs, filled.inputs, strict=True))
        spec = replace(spec, inputs=tuple(inputs))
    return replace(job, spec=replace(spec, output_files=filled.output_files))


def chosen_of(job: PlannedJob, workflow: str, values: Values) -> list[Values] | None:
    """What a job with these values of its own cell chooses among the cells of a workflow; None for all of them."""
    choices = [choice for choice in job.chosen_cells if choice.workflow == workflow]
    if not choices:
        return None
    return [
        {**choice.values, **{key: values.get(own, "") for key, own in choice.references.items()}} for choice in choices
    ]


def is_chosen(chosen: Sequence[Values] | None, cell: Values) -> bool:
    """Whether a cell is among those that were chosen."""
    return chosen is None or any(matches(one, cell) for one in chosen)


def shown_choice(chosen: Sequence[Values]) -> str:
    """Choices for a message: `shard=a or shard=b`."""
    return " or ".join(",".join(f"{key}={value_text(value)}" for key, value in one.items()) for one in chosen)


def cell_texts(job: PlannedJob) -> dict[str, str]:
    """What the texts of a cell use of it, as they name it: `matrix.file | stem`."""
    texts = {}
    for name in job.spec.cell_values:
        reference, *filters = name.split(" | ")
        value = job.id if reference == "job.id" else job.matrix.get(reference.removeprefix("matrix."))
        path_filter = next((word for word in filters if word != "json"), "")
        texts[name] = filtered(value, path_filter, as_json="json" in filters)
    return texts


def grown(plan: Plan, growths: Iterable[Grown]) -> Plan:
    """The plan for readers: cells in the place of placeholders, and edges to the cells. Not for running: values of
    cells are in the texts of jobs."""
    cells_of = {one.workflow: one.cells for one in growths}
    if not cells_of:
        return plan
    jobs: list[PlannedJob] = []
    now: dict[int, range] = {}  # by the index in the plan
    for job in plan.jobs:
        cells = cells_of.get(job.workflow) if job.run_matrix is not None else None
        first = len(jobs)
        if cells is None:
            jobs.append(replace(job, index=first))
        else:
            jobs += (_shown(one) for one in cell_jobs(job, cells, first))
        now[job.index] = range(first, len(jobs))
    before = {index: job for job in plan.jobs for index in now[job.index]}
    made = tuple(_with_edges(job, before[job.index], plan, now, jobs) for job in jobs)
    levels = tuple(tuple(index for job in level for index in now[job]) for level in plan.levels)
    path = tuple(now[job][0] for job in plan.critical_path)
    return replace(plan, jobs=made, levels=levels, critical_path=path)


def _with_edges(
    job: PlannedJob, before: PlannedJob, plan: Plan, now: Mapping[int, range], jobs: Sequence[PlannedJob]
) -> PlannedJob:
    """A job with its needs. Of what it chooses that is kept which has no cells: it waits for all, and fails."""
    row: list[int] = []
    unmet: list[CellChoice] = []
    for need in before.needs:
        needed = plan.jobs[need]
        chosen = chosen_of(before, needed.workflow, job.matrix) if needed.run_matrix is not None else None
        is_expanded = needed.run_matrix is not None and jobs[now[need][0]].run_matrix is None
        found = [index for index in now[need] if not is_expanded or is_chosen(chosen, jobs[index].matrix)]
        row += found or now[need]
        if chosen is not None and not (found and is_expanded):
            unmet += (CellChoice(needed.workflow, one) for one in chosen)
    return replace(job, needs=tuple(row), after=_all(before.after, now), chosen_cells=tuple(unmet))


def _all(row: Sequence[int], now: Mapping[int, range]) -> tuple[int, ...]:
    return tuple(index for other in row for index in now[other])


def _shown(job: PlannedJob) -> PlannedJob:
    return replace(job, spec=_with_values(job.spec, cell_texts(job))) if job.spec.cell_values else job


def _with_values(spec: JobSpec, texts: Mapping[str, str]) -> JobSpec:
    from orchestrator.plan.late_values import fill_some  # with patterns that take 2 ms, and few plans grow

    return fill_some(spec, texts)
