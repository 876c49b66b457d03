"""The values of axes to cells, as in GitHub Actions: all combinations, without `exclude`, plus `include`. What is wrong
is passed as plain data.

Values are compared as text: `3.12` and `"3.12"` are one value. A value that is itself a mapping has one value for each
of its keys: `shard.first`, `shard.last`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from msgspec import Struct

from orchestrator.console.text import quote, value_text, visible
from orchestrator.plan.run_matrix import Scalar

LONGEST_VALUE = 100

Values = Mapping[str, Scalar]
Axes = Mapping[str, Sequence[Scalar | Values]]


class Cell(Struct, frozen=True):
    """One combination: its values, and the text in the brackets of its job's id."""

    values: Values
    label: str


class Combined(Struct, frozen=True):
    """The cells; the entries of `exclude` that match nothing; and those of `include` that make a cell again, each with
    its label."""

    cells: tuple[Cell, ...]
    unmatched: tuple[int, ...] = ()
    repeated: tuple[tuple[int, str], ...] = ()


def combined(axes: Axes, include: Sequence[Values] = (), exclude: Sequence[Values] = ()) -> Combined:
    """The cells of a matrix, the last axis fastest. No axes make no combinations, not one without values."""
    combinations = _product(axes)
    unmatched = []
    for number, entry in enumerate(exclude):
        left = [cell for cell in combinations if not matches(entry, cell)]
        if len(left) == len(combinations):
            unmatched.append(number)
        combinations = left
    cells, repeated = _with_included(axes, combinations, include)
    return Combined(cells, tuple(unmatched), repeated)


def matches(chosen: Values, cell: Values) -> bool:
    """Whether a cell has all of these values."""
    return all(key in cell and value_text(cell[key]) == value_text(value) for key, value in chosen.items())


def _product(axes: Axes) -> list[dict[str, Scalar]]:
    combinations: list[dict[str, Scalar]] = [{}] if axes else []
    for axis, values in axes.items():
        parts = [_part(axis, value) for value in values]
        combinations = [{**combination, **part} for combination in combinations for part in parts]
    return combinations


def _part(axis: str, value: Scalar | Values) -> Values:
    return {f"{axis}.{key}": inner for key, inner in value.items()} if isinstance(value, Mapping) else {axis: value}


def _with_included(
    axes: Axes, cells: list[dict[str, Scalar]], include: Sequence[Values]
) -> tuple[tuple[Cell, ...], tuple[tuple[int, str], ...]]:
    """All cells with their labels. The values of an entry are added to each combination whose own values they do not
    change; its label stays the same. An entry that fits none is a new cell."""
    labels = [_label(cell) for cell in cells]
    originals = [dict(cell) for cell in cells]
    of_axes = dict.fromkeys(chain(axes, *cells)) if include else {}
    new: dict[str, Cell] = {}
    repeated = []
    for number, entry in enumerate(include):
        on_axes = {axis: entry[axis] for axis in of_axes if axis in entry}
        more = {key: value for key, value in entry.items() if key not in of_axes}
        fitting = [cell for original, cell in zip(originals, cells, strict=True) if matches(on_axes, original)]
        for cell in fitting:
            cell.update(more)
        label = _label(on_axes | more)
        if not fitting and label in new:
            repeated.append((number, label))
        elif not fitting:
            new[label] = Cell(on_axes | more, label)
    return (*(Cell(cell, label) for cell, label in zip(cells, labels, strict=True)), *new.values()), tuple(repeated)


def _label(values: Values) -> str:
    return ",".join(f"{key}={value_text(value)}" for key, value in values.items())


def wrong_values(values: Sequence[str], lines: Sequence[int] = ()) -> str:
    """Why these cannot be the values of an axis, as a sentence; empty if they can. `lines` are theirs in a file."""
    seen: dict[str, int] = {}
    for number, value in enumerate(values):
        where = f"line {lines[number]:,}: " if lines else ""
        shown = quote(visible(value))
        if len(value) > LONGEST_VALUE:
            return f"{where}{shown} has more than {LONGEST_VALUE} characters"
        if not value.isprintable():
            return f"{where}{shown} has a control character or a line end"
        before = seen.setdefault(value, number)
        if before != number:
            return f"{where}{shown} is a duplicate" + (f" of line {lines[before]:,}" if lines else "")
    return ""
