"""The recorded value of an output to the cells of a matrix: what takes the place of a placeholder. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from orchestrator.console.text import quote, visible
from orchestrator.plan.cells import Cell, Values, combined, wrong_values
from orchestrator.plan.grown_plan import cell_jobs
from orchestrator.plan.model import PlannedJob
from orchestrator.plan.run_matrix import RunAxis, RunMatrix, Scalar

MAX_CELLS = 10_000
MAX_COMPARISONS = 20_000_000

ValueOf = Callable[[str, str], str | None]
"""The output of a workflow, as text; None if it has no value."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")


class Expansion(Struct, frozen=True):
    """The cells; none with a `problem`, which is the reason of a failure, and none of an empty array."""

    cells: tuple[Cell, ...] = ()
    problem: str = ""


class _WrongValueError(Exception):
    """Why there are no cells, as the reason of a failure."""


def expansion(placeholder: PlannedJob, value_of: ValueOf, model: RunMatrix | None = None) -> Expansion:
    """The cells that take the place of a placeholder whose needs have ended, by the rules of a written matrix. `model`
    is the matrix that its own is like."""
    try:
        return Expansion(_cells(placeholder, value_of, model))
    except _WrongValueError as error:
        return Expansion(problem=str(error))


def with_possible_files(
    found: Expansion, placeholder: PlannedJob, jobs: Callable[[], Iterable[PlannedJob]]
) -> Expansion:
    """The same, unless its cells declare files that they cannot have among these jobs."""
    if not found.cells or not (placeholder.spec.inputs or placeholder.spec.output_files):
        return found
    from orchestrator.plan.cell_files import problem_of_files  # late: few matrices have files

    others = (job for job in jobs() if job.spec.output_files and job.run_matrix is None)
    problem = problem_of_files(placeholder, cell_jobs(placeholder, found.cells, 0), others)
    return Expansion(problem=problem) if problem else found


def _cells(placeholder: PlannedJob, value_of: ValueOf, model: RunMatrix | None) -> tuple[Cell, ...]:
    assert placeholder.run_matrix is not None
    matrix = model or placeholder.run_matrix
    axes = {axis.name: axis.values if axis.values else _listed(axis, value_of) for axis in matrix.axes}
    count = math.prod(map(len, axes.values()))
    if count > MAX_CELLS:
        raise _WrongValueError(f"its matrix would have {count:,} cells: at most {MAX_CELLS:,} are allowed")
    if count * (len(matrix.include) + len(matrix.exclude)) > MAX_COMPARISONS:
        raise _WrongValueError(f"its matrix has {count:,} combinations and too many entries to compare them with")
    found = combined(axes, matrix.include, matrix.exclude)
    if found.repeated:
        raise _WrongValueError(f"duplicate job `{placeholder.workflow}[{found.repeated[0][1]}]` in the matrix")
    return _asked_for(placeholder, placeholder.run_matrix.only, found.cells)


def _listed(axis: RunAxis, value_of: ValueOf) -> Sequence[Scalar | Values]:
    name = f"`needs.{axis.workflow}.outputs.{axis.output}`"
    text = axis.default or value_of(axis.workflow, axis.output)
    if text is None:
        raise _WrongValueError(f"{name} has no value")
    import json  # late: it takes 1 ms, and few plans grow

    try:
        items = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise _WrongValueError(f"{name} is not a JSON array")
    if len(items) > MAX_CELLS:
        raise _WrongValueError(f"{name} has {len(items):,} values: a matrix has at most {MAX_CELLS:,} cells")
    if items and all(isinstance(item, dict) for item in items):
        return _objects(items, name)
    values = [_scalar(item, f"item {number} of {name}") for number, item in enumerate(items, start=1)]
    if wrong := wrong_values(values):
        raise _WrongValueError(f"{name}: {wrong}")
    return values


def _objects(items: Sequence[Mapping[str, object]], name: str) -> list[Values]:
    keys = items[0].keys()
    if not keys:
        raise _WrongValueError(f"item 1 of {name} has no keys")
    for key in keys:
        if not _KEY.fullmatch(key):
            raise _WrongValueError(f"{name}: {quote(visible(key))} is not a name for `matrix`")
    found: list[Values] = []
    for number, item in enumerate(items, start=1):
        where = f"item {number} of {name}"
        if item.keys() != keys:
            raise _WrongValueError(f"{where} has other keys than item 1")
        found.append({key: _scalar(item[key], f"`{key}` of {where}") for key in keys})
    for value in chain.from_iterable(one.values() for one in found):
        if wrong := wrong_values([str(value)]):
            raise _WrongValueError(f"{name}: {wrong}")
    if len({tuple(one.values()) for one in found}) < len(found):
        raise _WrongValueError(f"{name} has an item twice")
    return found


def _scalar(value: object, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    kind = "null" if value is None else "nested" if isinstance(value, list) else "an object"
    raise _WrongValueError(f"{where} is {kind}")


def _asked_for(placeholder: PlannedJob, only: Collection[str], cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Those cells that the selection asks for."""
    used = [name.split(" ", 1)[0].removeprefix("matrix.") for name in placeholder.spec.cell_values]
    for key in used:
        if key != "job.id" and any(key not in cell.values for cell in cells):
            raise _WrongValueError(f"it uses `matrix.{key}`, which not every cell of its matrix has")
    if not only:
        return cells
    by_id = {f"{placeholder.workflow}[{cell.label}]": cell for cell in cells}
    missing = next((job_id for job_id in only if job_id not in by_id), None)
    if missing is not None:
        raise _WrongValueError(f"its matrix has no {quote(missing)}, which was selected")
    return tuple(cell for job_id, cell in by_id.items() if job_id in only)
