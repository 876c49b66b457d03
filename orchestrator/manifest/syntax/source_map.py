"""Where each key and value of a manifest stands in its source. Pure data, filled by `source.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.diagnostics.model import Path, Span


@dataclass(slots=True)
class SourceMap:
    """Path in the data -> span of the key, and span of the value; and the text of each file for snippets.

    A list item has no key of its own: its value's span serves as both. Text is split lazily by whoever shows it.
    """

    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def key(self, path: Path) -> Span | None:
        """The span of the key at `path`, else of its value, else of the nearest enclosing thing that has one."""
        while True:
            span = self.keys.get(path) or self.values.get(path)
            if span is not None or not path:
                return span
            path = path[:-1]

    def value(self, path: Path) -> Span | None:
        """The span of the value at `path`, else of its key, else of the nearest enclosing thing that has one."""
        while True:
            span = self.values.get(path) or self.keys.get(path)
            if span is not None or not path:
                return span
            path = path[:-1]

    def written(self, path: Path) -> str:
        """The value at `path` as it stands in the text, with its quotes; empty if that is not known."""
        return ""

    def piece(self, path: Path, mark: str, number: int, total: int, length: int) -> Span | None:
        """The span of so many characters from a `mark` on, in the text at `path`: from its `number`-th one, from 0, if
        the source too has `total` of them; else of the whole value."""
        return self.value(path)


Whereabouts = Callable[[Path], tuple[SourceMap, Path]]


class Detour(SourceMap):
    """The places of data that was put together from other data: `find` tells where a path comes from."""

    __slots__ = ("_find",)

    def __init__(self, find: Whereabouts, texts: Mapping[str, str]) -> None:
        super().__init__(texts=dict(texts))
        self._find = find

    def key(self, path: Path) -> Span | None:
        """The span of the key at `path`, where it comes from."""
        source, there = self._find(path)
        return source.key(there)

    def value(self, path: Path) -> Span | None:
        """The span of the value at `path`, where it comes from."""
        source, there = self._find(path)
        return source.value(there)

    def written(self, path: Path) -> str:
        """The value at `path` as it stands in the text that it comes from."""
        source, there = self._find(path)
        return source.written(there)

    def piece(self, path: Path, mark: str, number: int, total: int, length: int) -> Span | None:
        """A part of the value at `path`, where it comes from."""
        source, there = self._find(path)
        return source.piece(there, mark, number, total, length)
