"""How a plan grows: a matrix whose values are not known when planning, and choices of its cells."""

# Without `from __future__ import annotations`: as in `plan.model`.
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, field

Scalar = str | int | float | bool
Values = Mapping[str, Scalar]


class RunAxis(Struct, frozen=True, omit_defaults=True):
    """One axis: its values, or the job and the output that they come from."""

    name: Annotated[str, Meta(description="The name of the axis.")]
    values: Annotated[tuple[Scalar, ...], Meta(description="Its values, if they are known when planning.")] = ()
    workflow: Annotated[str, Meta(description="The workflow whose output has its values, else.")] = ""
    output: Annotated[str, Meta(description="That output.")] = ""
    default: Annotated[
        str, Meta(description="The default of that output, which counts where its workflow is not in the run.")
    ] = ""


class RunMatrix(Struct, frozen=True, omit_defaults=True):
    """What the cells are made of that take the place of a placeholder once its needs have ended."""

    axes: Annotated[tuple[RunAxis, ...], Meta(description="The axes, in order.")] = ()
    include: Annotated[tuple[Values, ...], Meta(description="Values to add, or further cells.")] = ()
    exclude: Annotated[tuple[Values, ...], Meta(description="Cells to leave out.")] = ()
    like: Annotated[str, Meta(description="The workflow whose cells it has, instead of axes.")] = ""
    only: Annotated[tuple[str, ...], Meta(description="The ids of its jobs that were selected; else all.")] = ()


class CellChoice(Struct, frozen=True, omit_defaults=True):
    """An entry of `needs` that means only some cells of such a matrix. In `references` are the keys that must have the
    value that this job's own cell has for another key."""

    workflow: Annotated[str, Meta(description="The workflow that has the matrix.")]
    values: Annotated[Values, Meta(description="Values that the cells have.")] = field(default_factory=dict)
    references: Annotated[
        Mapping[str, str], Meta(description="Keys of its cells, each with the key of this job's cell that is equal.")
    ] = field(default_factory=dict)


def pool_of_matrix(workflow: str) -> str:
    """The pool of a matrix with `max_parallel`, of which each of its jobs takes 1. No pool of a manifest can have this
    name."""
    return f"{workflow}[*]"
