"""A dependency graph that exists already, with the place of everything in it. It is read and never written.

`{"workflows": {name: {"path", "status"}}, "dependencies": {name: [names]}, "execution_order": [names]}`; each of the
three may be absent, and what else the object holds means nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic, Path, Span
from orchestrator.discovery.source_files import Unreadable, clean_name, read_text, unreadable
from orchestrator.manifest.syntax.json_reader import read_json, scan
from orchestrator.manifest.syntax.lines import Lines, ReadError
from orchestrator.manifest.syntax.position_index import Positions

_SHAPE = 'a graph is {"workflows": {name: {"path": ...}}, "dependencies": {name: [names]}, "execution_order": [names]}'


class Named(Struct, frozen=True):
    """A workflow that the graph names somewhere. `name` is as workflows are called, `written` as it stands there."""

    name: str
    written: str
    span: Span


class Known(Struct, frozen=True):
    """A workflow of the graph; `path` is as written, and empty where there is none."""

    named: Named
    path: str
    path_span: Span
    status: str


class Graph(Struct, frozen=True):
    """What the file says. `needs` has a row for each key of `dependencies`: the workflow, what it needs, and the
    place of the whole list."""

    file: str = ""
    text: str = ""
    workflows: tuple[Known, ...] = ()
    needs: tuple[tuple[Named, tuple[Named, ...], Span], ...] = ()
    order: tuple[Named, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def read_graph(file: str) -> Graph:
    """The graph in `file`; what of it cannot be read is told and left out."""
    try:
        lines = Lines(file, read_text(file))
    except Unreadable as why:
        return Graph(file, diagnostics=(unreadable(file, str(why)),))
    try:
        data, twice = read_json(lines)
        positions = Positions(lines, lambda: scan(lines))
        duplicates = positions.duplicates() if twice else []
    except ReadError as error:
        return Graph(file, lines.text, diagnostics=(error.diagnostic,))
    reader = _Reader(positions, Span(file, 1, 1), duplicates)
    parts = reader.mapping(data, ())
    return Graph(
        file,
        lines.text,
        tuple(reader.workflows(parts.get("workflows"))),
        tuple(reader.dependencies(parts.get("dependencies"))),
        tuple(reader.names(parts.get("execution_order"), ("execution_order",))),
        tuple(reader.diagnostics),
    )


class _Reader(Struct):
    """Takes the data apart; a part of a wrong type is told and then absent."""

    positions: Positions
    start: Span
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def workflows(self, data: object) -> Iterator[Known]:
        for written, entry in self.mapping(data, ("workflows",)).items():
            path: Path = ("workflows", written)
            fields = self.mapping(entry, path)
            where = fields.get("path", "")
            if not isinstance(where, str):
                self._wrong((*path, "path"), "a path must be text")
                continue
            status = fields.get("status")
            span = self.positions.value((*path, "path")) or self.start
            known = status if isinstance(status, str) and status else "PENDING"
            yield Known(self._named(written, self.positions.key(path)), where, span, known)

    def dependencies(self, data: object) -> Iterator[tuple[Named, tuple[Named, ...], Span]]:
        for written, needs in self.mapping(data, ("dependencies",)).items():
            path: Path = ("dependencies", written)
            names = tuple(self.names(needs, path))
            yield self._named(written, self.positions.key(path)), names, self.positions.value(path) or self.start

    def names(self, data: object, path: Path) -> Iterator[Named]:
        if data is None:
            return
        if not isinstance(data, list):
            self._wrong(path, "a list of names is needed")
            return
        for index, name in enumerate(data):
            if isinstance(name, str):
                yield self._named(name, self.positions.value((*path, index)))
            else:
                self._wrong((*path, index), "the name of a workflow is needed")

    def mapping(self, data: object, path: Path) -> dict[str, object]:
        if isinstance(data, dict):
            return data
        if data is not None or not path:
            self._wrong(path, "an object is needed")
        return {}

    def _named(self, written: str, span: Span | None) -> Named:
        return Named(clean_name(written), written, span or self.start)

    def _wrong(self, path: Path, message: str) -> None:
        span = self.positions.value(path)
        self.diagnostics.append(Diagnostic("PX136", f"{message} in the dependency graph", span, path, (), _SHAPE))
