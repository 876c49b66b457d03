"""A matrix to its cells, as in GitHub Actions: all combinations, without `exclude`, plus `include`.

Values are compared as text: `3.12` and `"3.12"` are one value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from msgspec import Struct

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Note, Path, Severity
from orchestrator.manifest.nested_sections import Matrix
from orchestrator.manifest.scalars import Value, value_text
from orchestrator.manifest.syntax.source_map import SourceMap

MAX_CELLS = 10_000
MAX_COMPARISONS = 20_000_000  # of combinations with entries of `include` and `exclude`: a few seconds
_LONGEST_VALUE = 100

Values = Mapping[str, Value]


class Cell(Struct, frozen=True):
    """One combination: its values, and the text in the brackets of its job's id."""

    values: Values
    label: str


def cells_of(name: str, matrix: Matrix, source: SourceMap, found: list[Diagnostic]) -> tuple[Cell, ...]:
    """The cells of the workflow `name`. `found` gets PX209, PX210 and PX219, and PX211 for an `exclude` that matches
    nothing; after an error there are no cells."""
    path: Path = ("workflows", name, "matrix")
    errors = [*_too_many(name, matrix, source, path), *_unusable_values(matrix, source, path)]
    found += [*errors, *_misread_numbers(matrix, source, path)]
    if errors:
        return ()
    combinations = _without(_product(matrix.axes), matrix, source, path, found)
    cells = _included(name, combinations, matrix, source, path, found)
    if not cells:
        message = f"the matrix of `{name}` has no cells"
        found.append(Diagnostic("PX209", message, source.value(path), path, help="name an axis with its values"))
    return cells


def matches(chosen: Values, cell: Values) -> bool:
    """Whether a cell has all of these values."""
    return all(key in cell and value_text(cell[key]) == value_text(value) for key, value in chosen.items())


def _product(axes: Mapping[str, tuple[Value, ...]]) -> list[dict[str, Value]]:
    """All combinations, the last axis fastest. No axes make none, not one without values."""
    combinations: list[dict[str, Value]] = [{}] if axes else []
    for axis, values in axes.items():
        combinations = [{**combination, axis: value} for combination in combinations for value in values]
    return combinations


def _without(
    cells: list[dict[str, Value]], matrix: Matrix, source: SourceMap, path: Path, found: list[Diagnostic]
) -> list[dict[str, Value]]:
    for number, entry in enumerate(matrix.exclude):
        left = [cell for cell in cells if not matches(entry, cell)]
        if len(left) == len(cells):
            at: Path = (*path, "exclude", number)
            message = "this `exclude` matches no cell"
            found.append(Diagnostic("PX211", message, source.value(at), at, severity=Severity.WARNING))
        cells = left
    return cells


def _included(
    name: str, cells: list[dict[str, Value]], matrix: Matrix, source: SourceMap, path: Path, found: list[Diagnostic]
) -> tuple[Cell, ...]:
    """All cells with their labels. The values of an entry are added to each combination whose own values they do not
    change; its label stays the same. An entry that fits none is a new cell."""
    labels = [_label({axis: cell[axis] for axis in matrix.axes}) for cell in cells]
    originals = [dict(cell) for cell in cells]
    new: dict[str, Cell] = {}
    for number, entry in enumerate(matrix.include):
        on_axes = {axis: entry[axis] for axis in matrix.axes if axis in entry}
        more = {key: value for key, value in entry.items() if key not in matrix.axes}
        fitting = [cell for original, cell in zip(originals, cells, strict=True) if matches(on_axes, original)]
        for cell in fitting:
            cell.update(more)
        label = _label(on_axes | more)
        if not fitting and label in new:
            at: Path = (*path, "include", number)
            found.append(Diagnostic("PX210", f"duplicate job `{name}[{label}]` in the matrix", source.value(at), at))
        elif not fitting:
            new[label] = Cell(on_axes | more, label)
    return (*(Cell(cell, label) for cell, label in zip(cells, labels, strict=True)), *new.values())


def _label(values: Values) -> str:
    return ",".join(f"{key}={value_text(value)}" for key, value in values.items())


def _too_many(name: str, matrix: Matrix, source: SourceMap, path: Path) -> list[Diagnostic]:
    """Reported before anything is built."""
    combinations = math.prod(map(len, matrix.axes.values())) if matrix.axes else 0
    entries = len(matrix.include) + len(matrix.exclude)
    if combinations > MAX_CELLS or len(matrix.include) > MAX_CELLS:
        sizes = " x ".join(f"{len(values):,}" for values in matrix.axes.values())
        message = f"the matrix of `{name}` has {max(combinations, len(matrix.include)):,} cells"
        advice = f"a matrix has at most {MAX_CELLS:,}" + (f"; its axes have {sizes} values" if matrix.axes else "")
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
        if not text.isprintable() or len(text) > _LONGEST_VALUE:
            message = f"a matrix value must be one line of at most {_LONGEST_VALUE} characters"
            errors.append(Diagnostic("PX210", message, source.value(at), at, help="it is part of the job's id"))
    for axis, values in matrix.axes.items():
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
    """Every value of the matrix with its path."""
    for axis, values in matrix.axes.items():
        for number, value in enumerate(values):
            yield (*path, axis, number), value
    for key, entries in (("include", matrix.include), ("exclude", matrix.exclude)):
        for number, entry in enumerate(entries):
            for name, value in entry.items():
                yield (*path, key, number, name), value
