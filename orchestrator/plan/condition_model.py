"""What an `if` asks of needs, as a plan has it."""

# Without `from __future__ import annotations`, as in `model`.
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, field


class GlobPattern(Struct, frozen=True):
    """A pattern for a whole text: `*` matches any text, `?` one character."""

    glob: Annotated[str, Meta(description="The pattern.")]


class RunCondition(Struct, frozen=True, omit_defaults=True):
    """What must hold of the ends and the values of needs: all entries. `tests` are by name, `needs.NAME.status` or
    `needs.NAME.outputs.X`, each with the texts and patterns of which the value must fit one; it never fits none."""

    tests: Annotated[
        Mapping[str, tuple[str | GlobPattern, ...]], Meta(description="The expected values of each, or patterns.")
    ] = field(default_factory=dict)
    not_: Annotated["RunCondition | None", Meta(description="What must not hold.")] = field(default=None, name="not")
    any_: Annotated[tuple["RunCondition", ...], Meta(description="Conditions of which one must hold.")] = field(
        default=(), name="any"
    )
    all_: Annotated[tuple["RunCondition", ...], Meta(description="Conditions that must all hold.")] = field(
        default=(), name="all"
    )
