"""An existing dependency graph, with the position of everything in it. It is never written.

`{"workflows": {name: {"path", "status"}}, "dependencies": {name: [names]}, "execution_order": [names]}`; each of the
three may be absent, and other keys are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic, Path, Span
from orchestrator.discovery.source_files import UnreadableError, clean_name, read_text, unreadable
from orchestrator.manifest.syntax.json_reader import read_json, scan
from orchestrator.manifest.syntax.lines import Lines, ReadError
from orchestrator.manifest.syntax.position_index import Positions

_SHAPE = (
    'a graph has the form {"workflows": {name: {"path": ...}}, "dependencies": {name: [names]},'
    ' "execution_order": [names]}'
)


class GraphName(Struct, frozen=True):
    """A mention of a workflow in the graph. `name` is the name of the workflow, `written` the text in the graph."""

    name: str
    written: str
    span: Span


class GraphWorkflow(Struct, frozen=True):
    """A workflow of the graph; `path` is as written, or empty."""

    named: GraphName
    path: str
    path_span: Span
    status: str


class Graph(Struct, frozen=True):
    """The content of the file. `needs` has a row for each key of `dependencies`: the workflow, its needs, and the
    span of the whole list."""

    file: str = ""
    text: str = ""
    workflows: tuple[GraphWorkflow, ...] = ()
    needs: tuple[tuple[GraphName, tuple[GraphName, ...], Span], ...] = ()
    order: tuple[GraphName, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def read_graph(file: str) -> Graph:
    """The graph in `file`; what cannot be read is reported and left out."""
    try:
        lines = Lines(file, read_text(file))
    except UnreadableError as error:
        return Graph(file, diagnostics=(unreadable(file, str(error)),))
    try:
        data, duplicate = read_json(lines)
        positions = Positions(lines, lambda: scan(lines))
        duplicates = positions.duplicates() if duplicate else []
    except ReadError as error:
        return Graph(file, lines.text, diagnostics=(error.diagnostic,))
    reader = _GraphReader(positions, Span(file, 1, 1), duplicates)
    parts = reader.mapping(data, ())
    return Graph(
        file,
        lines.text,
        tuple(reader.workflows(parts.get("workflows"))),
        tuple(reader.dependencies(parts.get("dependencies"))),
        tuple(reader.names(parts.get("execution_order"), ("execution_order",))),
        tuple(reader.diagnostics),
    )


class _GraphReader(Struct):
    """Splits the data; a part of a wrong type is reported and then treated as absent."""

    positions: Positions
    start: Span
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def workflows(self, data: object) -> Iterator[GraphWorkflow]:
        for written, entry in self.mapping(data, ("workflows",)).items():
            path: Path = ("workflows", written)
            fields = self.mapping(entry, path)
            where = fields.get("path", "")
            if not isinstance(where, str):
                self._wrong((*path, "path"), "expected a path")
                continue
            status = fields.get("status")
            span = self.positions.value((*path, "path")) or self.start
            known = status if isinstance(status, str) and status else "PENDING"
            yield GraphWorkflow(self._named(written, self.positions.key(path)), where, span, known)

    def dependencies(self, data: object) -> Iterator[tuple[GraphName, tuple[GraphName, ...], Span]]:
        for written, needs in self.mapping(data, ("dependencies",)).items():
            path: Path = ("dependencies", written)
            names = tuple(self.names(needs, path))
            yield self._named(written, self.positions.key(path)), names, self.positions.value(path) or self.start

    def names(self, data: object, path: Path) -> Iterator[GraphName]:
        if data is None:
            return
        if not isinstance(data, list):
            self._wrong(path, "expected a list of names")
            return
        for index, name in enumerate(data):
            if isinstance(name, str):
                yield self._named(name, self.positions.value((*path, index)))
            else:
                self._wrong((*path, index), "expected the name of a workflow")

    def mapping(self, data: object, path: Path) -> dict[str, object]:
        if isinstance(data, dict):
            return data
        if data is not None or not path:
            self._wrong(path, "expected an object")
        return {}

    def _named(self, written: str, span: Span | None) -> GraphName:
        return GraphName(clean_name(written), written, span or self.start)

    def _wrong(self, path: Path, message: str) -> None:
        span = self.positions.value(path)
        self.diagnostics.append(Diagnostic("PX136", f"{message} in the dependency graph", span, path, (), _SHAPE))
