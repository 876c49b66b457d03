"""Diagnostics as workflow commands of GitHub, which annotates the lines of a change with them."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.console.text import visible
from orchestrator.console.workflow_commands import workflow_command
from orchestrator.diagnostics.model import CODES, Diagnostic, Note
from orchestrator.diagnostics.repository import in_repository


def render_github(diagnostics: Iterable[tuple[str, Diagnostic]]) -> str:
    """One line for each diagnostic; it comes with its manifest's path, for one without a place."""
    return "".join(_command(manifest, diagnostic) for manifest, diagnostic in diagnostics)


def _command(manifest: str, diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    properties: dict[str, str | int] = {"file": _path(manifest if span is None else span.file)}
    if span is not None:
        properties |= {"line": span.line, "col": span.column, "endColumn": span.column + span.length}
    properties["title"] = f"{diagnostic.code}: {CODES[diagnostic.code]}"
    return workflow_command(diagnostic.severity.value, _message(diagnostic), properties)


def _message(diagnostic: Diagnostic) -> str:
    notes = [_note(note) for note in diagnostic.notes if note.span is None or note.span != diagnostic.span]
    helps = [f"help: {diagnostic.help}"] if diagnostic.help else []
    return "\n".join(visible(line) for line in (diagnostic.message, *notes, *helps))


def _note(note: Note) -> str:
    return note.message if note.span is None else f"{_path(note.span.file)}:{note.span.line}: {note.message}"


def _path(file: str) -> str:
    return in_repository(file) or file
