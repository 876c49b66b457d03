"""The positions of all nodes of a text, in a few bytes each: recorded while reading, turned into spans on request.

Nodes are numbered in the order of the text. A container is followed by its children; in a mapping each value follows
its key. An alias is one node: positions inside the value that it repeats are those of the alias.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

from msgspec import Struct, field

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Note, Path, PathKey, Span
from orchestrator.manifest.syntax.lines import Lines
from orchestrator.manifest.syntax.source_map import SourceMap

MAX_DUPLICATES = 100
MAX_RESPELLED = 1_000
_LONGEST_REST = 1_000


class NodeTable(Struct):
    """Parallel columns, one row for each node: start and end index, the node after its last child (0: it has no
    children), and the text of a key (None for values). `duplicates` has pairs of nodes: a mapping, and a key that it
    already has. `respelled` has the integers that are not written as their digits, such as `012`. `nodes` is the number
    of nodes, including what aliases repeat, once the whole text is read."""

    starts: array[int] = field(default_factory=lambda: array("I"))
    ends: array[int] = field(default_factory=lambda: array("I"))
    next_sibling: array[int] = field(default_factory=lambda: array("I"))
    names: list[str | None] = field(default_factory=list)
    duplicates: list[tuple[int, int]] = field(default_factory=list)
    respelled: list[int] = field(default_factory=list)
    nodes: int = 0

    def add(self, start: int, end: int, name: str | None) -> None:
        """Append a node that has no children yet."""
        self.starts.append(start)
        self.ends.append(end)
        self.next_sibling.append(0)
        self.names.append(name)

    def children(self, node: int) -> Iterator[tuple[PathKey, int]]:
        """Key or index, and the node of the value, for each child of a container. A key is the node before its value.
        A duplicate key is yielded twice; the last of its values is the one in the data."""
        if node >= len(self.next_sibling):
            return
        child, end, index = node + 1, self.next_sibling[node], 0
        while child < end:
            name = self.names[child]
            if name is None:
                yield index, child
                index += 1
            else:
                child += 1
                yield name, child
            child = self.next_sibling[child] or child + 1


class Positions(SourceMap):
    """The positions in one text. `values` stays empty: the methods read the node table instead."""

    __slots__ = ("_children", "_lines", "_make", "_respelled", "_steps", "_table", "nodes")

    def __init__(
        self, lines: Lines, make: Callable[[], NodeTable], nodes: int = 0, respelled: Sequence[int] = ()
    ) -> None:
        super().__init__(texts={lines.file: lines.text})
        self._lines = lines
        self._make = make
        self.nodes = nodes
        self._respelled = respelled
        self._table: NodeTable | None = None
        self._children: dict[int, list[tuple[PathKey, int]]] = {}
        self._steps: dict[int, dict[PathKey, int]] = {}

    def key(self, path: Path) -> Span | None:
        """The span of the key at `path`, or of the nearest enclosing node."""
        node = self._node(path)
        if node > 0 and self._read().names[node - 1] is not None:
            node -= 1
        return self._span(node)

    def value(self, path: Path) -> Span | None:
        """The span of the value at `path`, or of the nearest enclosing node."""
        return self._span(self._node(path))

    def source_text(self, path: Path) -> str:
        """The value at `path` as written in the text, with its quotes; also a whole list or mapping."""
        table, node = self._read(), self._node(path)
        return self._lines.text[table.starts[node] : table.ends[node]]

    def rest_of_line(self, path: Path) -> str:
        """What is behind the value at `path` on its last line."""
        end = self._read().ends[self._node(path)]
        rest = self._lines.text[end : end + _LONGEST_REST].splitlines()
        return rest[0] if rest else ""

    def span_of_occurrence(self, path: Path, mark: str, number: int, total: int, length: int) -> Span | None:
        """Found by counting occurrences, so that escapes and indentation of the text do not matter."""
        table, node = self._read(), self._node(path)
        raw = self.source_text(path)
        if raw.count(mark) != total:
            return self._span(node)
        at = -1
        for _ in range(number + 1):
            at = raw.index(mark, at + 1)
        return self._lines.span(table.starts[node] + at, table.starts[node] + at + length)

    def duplicates(self) -> list[Diagnostic]:
        """PX104 for each duplicate key; no values are shown."""
        table = self._read()
        found = []
        for mapping, second in table.duplicates:
            name = table.names[second] or ""
            first = next(child for step, child in self._entries(mapping) if step == name) - 1
            note = Note("first defined here", self._span(first))
            message = f"duplicate key {quote(name)}"
            path = (*self._path(mapping), name)
            found.append(Diagnostic("PX104", message, self._span(second), path, (note,), "remove one of them"))
        return found

    def respelled(self) -> list[Path]:
        """The places of integers that are not written as their digits."""
        return [self._path(node) for node in self._respelled]

    def _read(self) -> NodeTable:
        if self._table is None:
            self._table = self._make()
        return self._table

    def _span(self, node: int) -> Span | None:
        table = self._read()
        if node >= len(table.starts):  # the text is empty: its beginning
            return self._lines.span(0, 0)
        return self._lines.span(table.starts[node], table.ends[node])

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
