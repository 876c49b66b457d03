"""Scripts in a directory of their own, and the result of discovery as short lines to compare."""

from __future__ import annotations

from pathlib import Path

from orchestrator.diagnostics.model import Diagnostic, Span
from orchestrator.discovery.discover import discover
from orchestrator.discovery.model import Discovery, Infer
from orchestrator.discovery.shell_calls import Kind, ShellUse, read_shell
from orchestrator.discovery.shell_syntax import Code


class Project:
    """The current directory of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, path: str, content: str | bytes = "") -> Project:
        """Write a file, and the directories that it needs."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def found(self, *paths: str, graph: str | None = None, infer: Infer = Infer.ON) -> Discovery:
        """The result of discovery for these files."""
        return discover(paths, graph, infer)


def edges(discovery: Discovery) -> dict[str, list[str]]:
    """The needs of each workflow that has any."""
    return {entry.name: [need.name for need in entry.needs] for entry in discovery.entries if entry.needs}


def reported(discovery: Discovery) -> list[str]:
    """Every diagnostic as a line: severity, code, place, message."""
    return [_line(diagnostic) for diagnostic in discovery.diagnostics]


def _line(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.severity} {diagnostic.code} {place(diagnostic.span)}: {diagnostic.message}"


def place(span: Span | None) -> str:
    """`file:line:column+length`."""
    return f"{span.file}:{span.line}:{span.column}+{span.length}" if span else "nowhere"


def shell(text: str, script: str = "/repo/ci/x.sh") -> ShellUse:
    """The result of reading shell code."""
    return read_shell([Code(text, script)], script)


def uses(text: str, script: str = "/repo/ci/x.sh") -> list[str]:
    """The calls and sources in shell code: `call ./x.sh`; `?` is an unknown path."""
    return [_use(reference.kind, reference.target) for reference in shell(text, script).references]


def _use(kind: Kind, target: str | None) -> str:
    return f"{kind.name.lower()} {'?' if target is None else target}"
