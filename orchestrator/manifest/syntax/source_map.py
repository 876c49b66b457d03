"""Positions of the keys and values of a manifest in its text. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.diagnostics.model import Path, Span


@dataclass(slots=True)
class SourceMap:
    """The span of each value, by its path in the data; and the text of each file, for snippets. Subclasses look the
    spans up elsewhere, and know those of keys too; a list item has no key, so its value's span serves as both."""

    values: dict[Path, Span] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def key(self, path: Path) -> Span | None:
        """The span of the key at `path`, else of its value, else of the nearest enclosing thing that has one."""
        return self.value(path)

    def value(self, path: Path) -> Span | None:
        """The span of the value at `path`, else of the nearest enclosing thing that has one."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path)

    def source_text(self, path: Path) -> str:
        """The value at `path` as written in the text, with its quotes; empty if that is not known."""
        return ""

    def rest_of_line(self, path: Path) -> str:
        """What is behind the value at `path` on its last line; empty if that is not known."""
        return ""

    def span_of_occurrence(self, path: Path, mark: str, number: int, total: int, length: int) -> Span | None:
        """The span of the first `length` characters of an occurrence of `mark` in the value at `path`: the occurrence
        `number`, counted from 0, if the source text has `total` of them too; else the span of the whole value."""
        return self.value(path)


Whereabouts = Callable[[Path], tuple[SourceMap, Path]]


class Detour(SourceMap):
    """Positions in data that was assembled from other data: `find` returns the origin of a path."""

    __slots__ = ("_find",)

    def __init__(self, find: Whereabouts, texts: Mapping[str, str]) -> None:
        super().__init__(texts=dict(texts))
        self._find = find

    def key(self, path: Path) -> Span | None:
        """The span of the key at `path` in its origin."""
        source, there = self._find(path)
        return source.key(there)

    def value(self, path: Path) -> Span | None:
        """The span of the value at `path` in its origin."""
        source, there = self._find(path)
        return source.value(there)

    def source_text(self, path: Path) -> str:
        """The value at `path` as written in its origin."""
        source, there = self._find(path)
        return source.source_text(there)

    def rest_of_line(self, path: Path) -> str:
        """What is behind the value at `path` in its origin."""
        source, there = self._find(path)
        return source.rest_of_line(there)

    def span_of_occurrence(self, path: Path, mark: str, number: int, total: int, length: int) -> Span | None:
        """The span of an occurrence in the value at `path`, in its origin."""
        source, there = self._find(path)
        return source.span_of_occurrence(there, mark, number, total, length)
