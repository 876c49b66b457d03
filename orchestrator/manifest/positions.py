"""Where each key and value of a manifest stands in its source. Pure data, filled by `source.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.diagnostics import Path, Span


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
