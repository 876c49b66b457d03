"""Where every node of a text stands, in a few bytes each: made while reading, turned into spans only when asked.

Nodes are numbered in the order of the text. A container is followed by its children; in a mapping each value follows
its key. An alias is one node: places inside what it repeats are told at the alias.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic, Note, Path, PathKey, Span
from orchestrator.manifest.scalars import quote
from orchestrator.manifest.syntax.lines import Lines
from orchestrator.manifest.syntax.source_map import SourceMap

MAX_DUPLICATES = 100


class NodeTable(Struct):
    """Parallel columns, one row a node: start and end index, the node after its last child (0: it has none), and the
    text of a key (None: it is no key). `duplicates` has the nodes of a mapping and of a key that it has already;
    `nodes` counts all of them, with what aliases repeat, once the whole text is read."""

    starts: array[int] = field(default_factory=lambda: array("I"))
    ends: array[int] = field(default_factory=lambda: array("I"))
    skips: array[int] = field(default_factory=lambda: array("I"))
    names: list[str | None] = field(default_factory=list)
    duplicates: list[tuple[int, int]] = field(default_factory=list)
    nodes: int = 0

    def add(self, start: int, end: int, name: str | None) -> None:
        """Append a node that has no children yet."""
        self.starts.append(start)
        self.ends.append(end)
        self.skips.append(0)
        self.names.append(name)

    def children(self, node: int) -> Iterator[tuple[PathKey, int]]:
        """Key or index, and the node of the value, for each child of a container. A key is the node before its value.
        A key that stands twice comes twice; of its values the last is the one in the data."""
        if node >= len(self.skips):
            return
        child, end, index = node + 1, self.skips[node], 0
        while child < end:
            name = self.names[child]
            if name is None:
                yield index, child
                index += 1
            else:
                child += 1
                yield name, child
            child = self.skips[child] or child + 1


class Positions(SourceMap):
    """The places of one text. `keys` and `values` stay empty: the two methods look into the marks instead."""

    __slots__ = ("_children", "_lines", "_make", "_marks", "_steps", "nodes")

    def __init__(self, lines: Lines, make: Callable[[], NodeTable], nodes: int = 0) -> None:
        super().__init__(texts={lines.file: lines.text})
        self._lines = lines
        self._make = make
        self.nodes = nodes
        self._marks: NodeTable | None = None
        self._children: dict[int, list[tuple[PathKey, int]]] = {}
        self._steps: dict[int, dict[PathKey, int]] = {}

    def key(self, path: Path) -> Span | None:
        """The span of the key at `path`, or of what is nearest to it."""
        node = self._node(path)
        if node > 0 and self._read().names[node - 1] is not None:
            node -= 1
        return self._span(node)

    def value(self, path: Path) -> Span | None:
        """The span of the value at `path`, or of what is nearest to it."""
        return self._span(self._node(path))

    def written(self, path: Path) -> str:
        """The value at `path` as it stands in the text, with its quotes; also a whole list or mapping."""
        marks, node = self._read(), self._node(path)
        return self._lines.text[marks.starts[node] : marks.ends[node]]

    def piece(self, path: Path, mark: str, number: int, total: int, length: int) -> Span | None:
        """The span from a `mark` on, found by counting: escapes and indentation of the text do not matter."""
        marks, node = self._read(), self._node(path)
        raw = self.written(path)
        if raw.count(mark) != total:
            return self._span(node)
        at = -1
        for _ in range(number + 1):
            at = raw.index(mark, at + 1)
        return self._lines.span(marks.starts[node] + at, marks.starts[node] + at + length)

    def duplicates(self) -> list[Diagnostic]:
        """PX104 for each key that stands twice in a mapping, without any value."""
        marks = self._read()
        faults = []
        for mapping, second in marks.duplicates:
            name = marks.names[second] or ""
            first = next(child for step, child in self._entries(mapping) if step == name) - 1
            note = Note("it stands here first", self._span(first))
            message = f"the key {quote(name)} stands twice in one mapping"
            path = (*self._path(mapping), name)
            faults.append(Diagnostic("PX104", message, self._span(second), path, (note,), "remove one of the two"))
        return faults

    def _read(self) -> NodeTable:
        if self._marks is None:
            self._marks = self._make()
        return self._marks

    def _span(self, node: int) -> Span | None:
        marks = self._read()
        if node >= len(marks.starts):  # there is nothing in the text: its beginning
            return self._lines.span(0, 0)
        return self._lines.span(marks.starts[node], marks.ends[node])

    def _entries(self, node: int) -> list[tuple[PathKey, int]]:
        if node not in self._children:
            self._children[node] = list(self._read().children(node))
        return self._children[node]

    def _node(self, path: Path) -> int:
        """The node of the value at `path`, or the last one on the way to it."""
        node = 0
        for step in path:
            if node not in self._steps:
                self._steps[node] = dict(self._entries(node))
            child = self._steps[node].get(step)
            if child is not None:
                node = child
            elif step != 0:  # a lone item may stand for a list of it
                break
        return node

    def _path(self, wanted: int) -> Path:
        """The path of the value whose node is `wanted`."""
        path: Path = ()
        node = 0
        while node != wanted:
            entries = self._entries(node)
            step, node = entries[bisect_right(entries, wanted, key=itemgetter(1)) - 1]
            path = (*path, step)
        return path
