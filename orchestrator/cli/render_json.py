"""Diagnostics as JSON, the same facts that `show.py` draws. Lines and columns count from 1, columns in code points."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.diagnostics import Diagnostic, Note, Span


def render_json(diagnostics: Sequence[Diagnostic]) -> str:
    """One object, `{"diagnostics": [...]}`, with a newline at its end. Pure ASCII, so no terminal is driven by it."""
    return json.dumps({"diagnostics": [_diagnostic(diagnostic) for diagnostic in diagnostics]}, indent=2) + "\n"


def _diagnostic(diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        **_place(diagnostic.span),
        "path": list(diagnostic.path),
        "notes": [_note(note) for note in diagnostic.notes],
        "help": diagnostic.help,
    }


def _note(note: Note) -> dict[str, object]:
    return {"message": note.message, **_place(note.span)}


def _place(span: Span | None) -> dict[str, object]:
    """A fault without a place has all keys, each null."""
    if span is None:
        return {"file": None, "line": None, "column": None, "length": None}
    return {"file": span.file, "line": span.line, "column": span.column, "length": span.length}
