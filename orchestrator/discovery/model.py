"""The results of discovery. Spans are positions in the scripts, the runbooks and the dependency graph."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic, Path, Span
from orchestrator.manifest.syntax.source_map import SourceMap


class Infer(enum.StrEnum):
    """What a call of another given file means: a need, a warning, or nothing."""

    ON = "on"
    WARN = "warn"
    OFF = "off"


class Origin(enum.StrEnum):
    """Why a workflow needs another: a directive in its file, the graph, or its file sources or calls the other."""

    DIRECTIVE = "directive"
    GRAPH = "graph"
    SOURCE = "source"
    CALL = "call"


class FoundNeed(Struct, frozen=True):
    """A dependency on the workflow `name`. `written` is the text at `span` that it was found by."""

    name: str
    origin: Origin
    span: Span
    written: str


class Entry(Struct, frozen=True):
    """A workflow. `path` and `reads` (the files that it sources) are relative to the current directory or absolute;
    `status` is from the dependency graph."""

    name: str
    path: str
    needs: tuple[FoundNeed, ...] = ()
    reads: tuple[str, ...] = ()
    status: str = "PENDING"


class Discovery(Struct, frozen=True):
    """All workflows, in the order of the command line and then of the graph. `texts` has the text of each file."""

    entries: tuple[Entry, ...]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str] = field(default_factory=dict)

    def source_map(self) -> SourceMap:
        """The position of each need, by its path in a manifest."""
        places: dict[Path, Span] = {
            ("workflows", entry.name, "needs", index): need.span
            for entry in self.entries
            for index, need in enumerate(entry.needs)
        }
        return SourceMap(values=places, texts=dict(self.texts))
