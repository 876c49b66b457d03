"""The values of axes to cells, as in GitHub Actions: all combinations, without `exclude`, plus `include`. What is wrong
is told as plain data.

Values are compared as text: `3.12` and `"3.12"` are one value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orchestrator.manifest.scalars import Value, value_text

Values = Mapping[str, Value]
Axes = Mapping[str, Sequence[Value]]


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


def _product(axes: Axes) -> list[dict[str, Value]]:
    combinations: list[dict[str, Value]] = [{}] if axes else []
    for axis, values in axes.items():
        combinations = [{**combination, axis: value} for combination in combinations for value in values]
    return combinations


def _with_included(
    axes: Axes, cells: list[dict[str, Value]], include: Sequence[Values]
) -> tuple[tuple[Cell, ...], tuple[tuple[int, str], ...]]:
    """All cells with their labels. The values of an entry are added to each combination whose own values they do not
    change; its label stays the same. An entry that fits none is a new cell."""
    labels = [_label({axis: cell[axis] for axis in axes}) for cell in cells]
    originals = [dict(cell) for cell in cells]
    new: dict[str, Cell] = {}
    repeated = []
    for number, entry in enumerate(include):
        on_axes = {axis: entry[axis] for axis in axes if axis in entry}
        more = {key: value for key, value in entry.items() if key not in axes}
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
