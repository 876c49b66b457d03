"""Merge keys: `<<: *base` adds the entries of other mappings to a mapping, as if they were written in its place.

A key of the mapping itself takes precedence, then one of an earlier mapping in a list. Nothing is merged any deeper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from orchestrator.manifest.syntax.yaml_reader import MERGE_KEY

_HINT = "`<<` takes an alias of a mapping, or a list of them: `<<: [*a, *b]`; a quoted key is text"

Key = TypeVar("Key")
Value = TypeVar("Value")


class NotAMappingError(Exception):
    """What a merge key names is not a mapping, but something else; `item` is its index in a list."""

    hint = _HINT

    def __init__(self, value: object, item: int | None) -> None:
        super().__init__()
        found = "a list" if isinstance(value, list) else "nothing" if value is None else "a single value"
        self.message = f"expected a mapping to merge, found {found}"
        self.item = item


def merge(mapping: dict[str, object]) -> None:
    """Replace the merge key of a mapping by the entries that it stands for. Raises NotAMappingError."""
    value = mapping[MERGE_KEY]
    sources: list[dict[str, object]] = []
    for number, source in enumerate(value if isinstance(value, list) else [value]):
        if not isinstance(source, dict):
            raise NotAMappingError(source, number if isinstance(value, list) else None)
        sources.append(source)
    merged = dict(merged_entries(mapping, sources))
    mapping.clear()
    mapping.update(merged)


def merged_entries(own: Mapping[Key, Value], sources: Iterable[Mapping[Key, Value]]) -> Iterator[tuple[Key, Value]]:
    """The entries of a mapping with a merge key, those of `sources` in the place of that key."""
    added: dict[Key, Value] = {}
    for source in sources:
        for key, value in source.items():
            if key not in own:
                added.setdefault(key, value)
    for key, value in own.items():
        if key == MERGE_KEY:
            yield from added.items()
        else:
            yield key, value
