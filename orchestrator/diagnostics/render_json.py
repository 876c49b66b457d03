"""Diagnostics as JSON, the same facts as `render_text.py`. Lines and columns count from 1, columns in code points."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.diagnostics.model import Diagnostic, Note, Span


def render_json(diagnostics: Sequence[tuple[str, Diagnostic]]) -> str:
    """One object, `{"diagnostics": [...]}`, of pairs of a manifest and one of its diagnostics; ends in a newline.
    Pure ASCII: no control character reaches a terminal."""
    return json.dumps({"diagnostics": [_diagnostic(*one) for one in diagnostics]}, indent=2) + "\n"


def _diagnostic(manifest: str, diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        **_place(diagnostic.span, manifest),
        "path": list(diagnostic.path),
        "notes": [_note(note) for note in diagnostic.notes],
        "help": diagnostic.help,
    }


def _note(note: Note) -> dict[str, object]:
    return {"message": note.message, **_place(note.span, None)}


def _place(span: Span | None, file: str | None) -> dict[str, object]:
    """A diagnostic without a place, such as of a missing manifest, has all keys; its file is the manifest."""
    if span is None:
        return {"file": file, "line": None, "column": None, "length": None}
    return {"file": span.file, "line": span.line, "column": span.column, "length": span.length}
