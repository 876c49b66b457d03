"""The positions of all nodes of a text, in a few bytes each: recorded while reading, turned into spans on request.

Nodes are numbered in the order of the text. A container is followed by its children; in a mapping each value follows
its key. An alias is one node: positions inside the value that it repeats are those of the alias. What a merge key adds
to a mapping has the positions that it has in the mapping that it comes from.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter

from msgspec import Struct, field

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Note, Path, PathKey, Span
from orchestrator.manifest.syntax.lines import Lines
from orchestrator.manifest.syntax.source_map import SourceMap

MAX_DUPLICATES = 100
_LONGEST_REST = 1_000


class NodeTable(Struct):
    """Parallel columns, one row for each node: start and end index, the node after its last child (0: it has no
    children), and the text of a key (None for values). `duplicates` has pairs of nodes: a mapping, and a key that it
    already has. `aliases` has the nodes of aliases, in order, and `targets` those of the values that they repeat.
    `merges` has the mappings with a merge key, in the order in which they end, each with the node of that key's value.
    `has_respelled`: some number is not written as its text, such as `012`. `nodes` is the number of nodes, including
    what aliases repeat, once the whole text is read."""

    starts: array[int] = field(default_factory=lambda: array("I"))
    ends: array[int] = field(default_factory=lambda: array("I"))
    next_sibling: array[int] = field(default_factory=lambda: array("I"))
    names: list[str | None] = field(default_factory=list)
    duplicates: list[tuple[int, int]] = field(default_factory=list)
    aliases: array[int] = field(default_factory=lambda: array("I"))
    targets: array[int] = field(default_factory=lambda: array("I"))
    merges: dict[int, int] = field(default_factory=dict)
    has_respelled: bool = False
    nodes: int = 0

    def add(self, start: int, end: int, name: str | None) -> None:
        """Append a node that has no children yet."""
        self.starts.append(start)
        self.ends.append(end)
        self.next_sibling.append(0)
        self.names.append(name)

    def children(self, node: int) -> Iterator[tuple[PathKey, int]]:
        """Key or index, and the node of the value, for each child of a container as it is written. A key is the node
        before its value. A duplicate key is yielded twice; the last of its values is the one in the data."""
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

    def target(self, node: int) -> int:
        """The node whose value this one has: another one if it is an alias."""
        place = bisect_left(self.aliases, node)
        return self.targets[place] if self.aliases[place : place + 1] == array("I", (node,)) else node


class Positions(SourceMap):
    """The positions in one text. `values` stays empty: the methods read the node table instead. `respelled` are the
    types of numbers of which some may not be written as their text."""

    __slots__ = ("_children", "_lines", "_make", "_merged", "_steps", "_table", "nodes", "respelled")

    def __init__(
        self, lines: Lines, make: Callable[[], NodeTable], nodes: int = 0, respelled: tuple[type, ...] = ()
    ) -> None:
        super().__init__(texts={lines.file: lines.text})
        self._lines = lines
        self._make = make
        self.nodes = nodes
        self.respelled = respelled
        self._table: NodeTable | None = None
        self._children: dict[int, list[tuple[PathKey, int]]] = {}
        self._merged: dict[int, list[tuple[PathKey, int]]] = {}
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

    def written(self, path: Path) -> str:
        """The value at `path` as written where it is defined: of an alias, the value that it repeats."""
        table, node = self._read(), self._node(path, through_aliases=True)
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
            first = next(child for step, child in self._written(mapping) if step == name) - 1
            note = Note("first defined here", self._span(first))
            message = f"duplicate key {quote(name)}"
            path = (*self._path(mapping), name)
            advice = "merge several mappings by one list: `<<: [*a, *b]`" if name == "<<" else "remove one of them"
            found.append(Diagnostic("PX104", message, self._span(second), path, (note,), advice))
        return found

    def _read(self) -> NodeTable:
        if self._table is None:
            self._table = self._make()
        return self._table

    def _span(self, node: int) -> Span | None:
        table = self._read()
        if node >= len(table.starts):  # the text is empty: its beginning
            return self._lines.span(0, 0)
        return self._lines.span(table.starts[node], table.ends[node])

    def _written(self, node: int) -> list[tuple[PathKey, int]]:
        """The children of a node as they are written."""
        if node not in self._children:
            self._children[node] = list(self._read().children(node))
        return self._children[node]

    def _entries(self, node: int) -> list[tuple[PathKey, int]]:
        """The children of a node as they are in the data."""
        table = self._read()
        if node not in table.merges:
            return self._written(node)
        if not self._merged:
            from orchestrator.manifest.syntax.yaml_merge import merged_entries  # late: few manifests have a merge key

            for mapping, value in table.merges.items():  # each comes after those that it may merge
                written = table.target(value)
                items = [child for step, child in self._written(written) if isinstance(step, int)] or [written]
                sources = (table.target(item) for item in items)
                entries = [
                    dict(self._merged[node] if node in self._merged else self._written(node)) for node in sources
                ]
                self._merged[mapping] = list(merged_entries(dict(self._written(mapping)), entries))
        return self._merged[node]

    def _node(self, path: Path, *, through_aliases: bool = False) -> int:
        """The node of the value at `path`, or the last one on the way to it."""
        node = 0
        for step in path:
            if through_aliases:
                node = self._read().target(node)
            if node not in self._steps:
                self._steps[node] = dict(self._entries(node))
            child = self._steps[node].get(step)
            if child is not None:
                node = child
            elif step != 0:  # a lone item may stand for a list of it
                break
        return self._read().target(node) if through_aliases else node

    def _path(self, wanted: int) -> Path:
        """The path of the value whose node is `wanted`."""
        path: Path = ()
        node = 0
        while node != wanted:
            entries = self._written(node)
            step, node = entries[bisect_right(entries, wanted, key=itemgetter(1)) - 1]
            path = (*path, step)
        return path
