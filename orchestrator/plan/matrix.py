"""A matrix to its cells, with everything that may be wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.console.text import quote, value_text
from orchestrator.diagnostics.model import Diagnostic, Note, Path, Severity
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.file_facts import Listings
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.matrix_keys import AxisSource, Matrix, source_of
from orchestrator.manifest.scalars import Value
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.axes import Axes as ListedAxes
from orchestrator.plan.axes import axes_of
from orchestrator.plan.cells import LONGEST_VALUE, Axes, Cell, combined
from orchestrator.plan.run_matrix import RunAxis, RunMatrix

MAX_CELLS = 10_000
MAX_COMPARISONS = 20_000_000  # of combinations with entries of `include` and `exclude`: a few seconds


class Cells(Struct, frozen=True):
    """The cells of a matrix. There are none after an error, and where `empty` says why. Where its values are not known
    when planning, `run_matrix` says what they come from, and the only cell is a placeholder."""

    cells: tuple[Cell, ...] = ()
    empty: str = ""
    run_matrix: RunMatrix | None = None


def matrices_of(
    key_index: KeyIndex, listings: Listings, source: SourceMap, found: list[Diagnostic]
) -> dict[str, Cells]:
    """The cells of each workflow that has a matrix. `found` gets what `cells_of` says, and PX242 for a `like` that
    leads to none."""
    matrices = {name: workflow.matrix for name, workflow in key_index.of("matrix").items() if workflow.matrix}
    made = {
        name: cells_of(name, matrix, listings, source, found)
        for name, matrix in matrices.items()
        if matrix.like is None
    }
    for name, matrix in matrices.items():
        if matrix.like is not None:
            model = _model_of(name, matrices, key_index, source, found)
            like = made.get(model, Cells())
            made[name] = like if like.run_matrix is None else replace(like, run_matrix=RunMatrix(like=model))
    return made


def _model_of(
    name: str, matrices: Mapping[str, Matrix], key_index: KeyIndex, source: SourceMap, found: list[Diagnostic]
) -> str:
    """The workflow that `like` leads to, perhaps through others; empty after an error."""
    seen = [name]
    while (like := matrices[seen[-1]].like) is not None:
        if like not in matrices:
            if len(seen) == 1:  # for another one it is reported there
                found.append(_unlike(name, like, matrices, key_index.has(like), source))
            return ""
        if like in seen:
            if like == name:
                path: Path = ("workflows", name, "matrix", "like")
                way = " -> ".join(quote(one) for one in (*seen, like))
                advice = "give one of them axes of its own"
                found.append(Diagnostic("PX242", f"circular `like`: {way}", source.value(path), path, help=advice))
            return ""
        seen.append(like)
    return seen[-1]


def _unlike(name: str, like: str, matrices: Mapping[str, Matrix], is_there: bool, source: SourceMap) -> Diagnostic:
    path: Path = ("workflows", name, "matrix", "like")
    others = [other for other in matrices if other != name]
    message = f"{quote(like)}, which the matrix of {quote(name)} is like, has no matrix"
    if not is_there:
        message = f"unknown workflow {quote(like)} in `matrix.like` of {quote(name)}"
    return Diagnostic("PX242", message, source.value(path), path, help=Suggester(others).did_you_mean(like))


def cells_of(name: str, matrix: Matrix, listings: Listings, source: SourceMap, found: list[Diagnostic]) -> Cells:
    """The cells of the workflow `name`. `found` gets PX209, PX210 and PX219; PX211 for an `exclude` that matches
    nothing; and PX240 and PX241 for values that are not written but listed."""
    path: Path = ("workflows", name, "matrix")
    listed = axes_of(name, matrix, listings, source, found)
    if listed is None:
        return Cells()
    axes = listed.values
    if listed.sources:
        return _placeholder(matrix, listed, [*_unusable_values(matrix, source, path)], found)
    errors = [*_too_many(name, axes, matrix, source, path), *_unusable_values(matrix, source, path)]
    found += [*errors, *_misread_numbers(matrix, source, path)]
    if errors:
        return Cells()
    laid_out = combined(axes, matrix.include, matrix.exclude)
    for number in laid_out.unmatched if not listed.empty else ():
        at: Path = (*path, "exclude", number)
        message = "this `exclude` matches no cell"
        found.append(Diagnostic("PX211", message, source.value(at), at, severity=Severity.WARNING))
    for number, label in laid_out.repeated:
        at = (*path, "include", number)
        found.append(Diagnostic("PX210", f"duplicate job `{name}[{label}]` in the matrix", source.value(at), at))
    if not laid_out.cells and not listed.empty:
        message = f"the matrix of `{name}` has no cells"
        found.append(Diagnostic("PX209", message, source.value(path), path, help="name an axis with its values"))
    return Cells(laid_out.cells, "" if laid_out.cells else listed.empty)


def _placeholder(matrix: Matrix, axes: ListedAxes, errors: list[Diagnostic], found: list[Diagnostic]) -> Cells:
    """The only cell of a matrix whose values are not known when planning."""
    found += errors
    if errors:
        return Cells()
    if axes.empty:
        return Cells(empty=axes.empty)
    made = [
        RunAxis(axis, workflow=source_of(axes.sources[axis])[0], output=source_of(axes.sources[axis])[1])
        if axis in axes.sources
        else RunAxis(axis, values)
        for axis, values in axes.values.items()
    ]
    label = ",".join(f"{axis}=*" for axis in axes.values)
    return Cells((Cell({}, label),), run_matrix=RunMatrix(tuple(made), matrix.include, matrix.exclude))


def _too_many(name: str, axes: Axes, matrix: Matrix, source: SourceMap, path: Path) -> list[Diagnostic]:
    """Reported before anything is built."""
    combinations = math.prod(map(len, axes.values())) if axes else 0
    entries = len(matrix.include) + len(matrix.exclude)
    if combinations > MAX_CELLS or len(matrix.include) > MAX_CELLS:
        sizes = " x ".join(f"{len(values):,}" for values in axes.values())
        message = f"the matrix of `{name}` has {max(combinations, len(matrix.include)):,} cells"
        advice = f"a matrix has at most {MAX_CELLS:,}" + (f"; its axes have {sizes} values" if axes else "")
        return [Diagnostic("PX209", message, source.key(path), path, help=advice)]
    if combinations * entries > MAX_COMPARISONS:
        message = (
            f"the matrix of `{name}` has {combinations:,} combinations and {entries:,} entries to compare them with"
        )
        return [Diagnostic("PX209", message, source.key(path), path, help="use fewer, broader entries")]
    return []


def _unusable_values(matrix: Matrix, source: SourceMap, path: Path) -> list[Diagnostic]:
    """Values that cannot be part of the id of a job, and duplicate values on one axis."""
    errors = []
    for at, value in _values(matrix, path):
        text = value_text(value)
        if not text.isprintable() or len(text) > LONGEST_VALUE:
            message = f"a matrix value must be one line of at most {LONGEST_VALUE} characters"
            errors.append(Diagnostic("PX210", message, source.value(at), at, help="it is part of the job's id"))
    for axis, values in _written(matrix):
        seen: dict[str, int] = {}
        for number, value in enumerate(values):
            before = seen.setdefault(value_text(value), number)
            if before != number:
                at = (*path, axis, number)
                first = source.value((*path, axis, before))
                notes = (Note("again", source.value(at)), Note("first defined here", first))
                message = f"duplicate value {quote(value_text(value))} in `{axis}`"
                errors.append(Diagnostic("PX210", message, notes[0].span, at, notes, "remove one of the two"))
    return errors


def _misread_numbers(matrix: Matrix, source: SourceMap, path: Path) -> Iterator[Diagnostic]:
    """Warnings about numbers such as `3.10`, which is 3.1."""
    for at, value in _values(matrix, path):
        if isinstance(value, int | float):
            yield from misread_number(value, at, source)


def misread_number(value: Value, path: Path, source: SourceMap) -> Iterator[Diagnostic]:
    """A warning if this number is not what a reader of the manifest sees."""
    written = source.source_text(path)
    if written[:1] in tuple("+-.0123456789") and written != value_text(value):
        message = f"`{written}` is the number {value_text(value)}"
        advice = f'quote it if that is not intended: `"{written}"`'
        yield Diagnostic("PX219", message, source.value(path), path, help=advice, severity=Severity.WARNING)


def _values(matrix: Matrix, path: Path) -> Iterator[tuple[Path, Value]]:
    """Every value that is written in the matrix, with its path."""
    for axis, values in _written(matrix):
        for number, value in enumerate(values):
            yield (*path, axis, number), value
    for key, entries in (("include", matrix.include), ("exclude", matrix.exclude)):
        for number, entry in enumerate(entries):
            for name, value in entry.items():
                yield (*path, key, number, name), value


def _written(matrix: Matrix) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """The axes whose values are not listed."""
    for axis, values in matrix.axes.items():
        if not isinstance(values, AxisSource):
            yield axis, values
