"""Every error in the data of a manifest as a diagnostic at its place."""

from __future__ import annotations

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Note, Path
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.validation.sections import place
from orchestrator.manifest.validation.text_hints import text_hint, workflow_hint
from orchestrator.manifest.validation.unknown_keys import meant_key, unknown_key_hint
from orchestrator.manifest.value_errors import (
    InvalidDataError,
    InvalidNameError,
    KeyConflictError,
    MissingKeyError,
    NotTextError,
    UnknownKeyError,
)

_VERBS = ("has ", "is ", "must ")
_MISSING_HINTS: dict[Path, str] = {
    ("version",): "write `version: 1`",
    ("workflows",): "define at least one workflow: `workflows: {build: {run: make}}`",
}


def model_errors(invalid: InvalidDataError, source: Positions) -> list[Diagnostic]:
    """A diagnostic for each error that was kept, in no order; a place may have several."""
    # Where an unknown key was meant to be a missing one, it is the only error.
    meant: set[Path] = set()
    for path, error in invalid.errors:
        if isinstance(error, UnknownKeyError):
            meant.add((*path[:-1], meant_key(error.section, str(path[-1])) or ""))
    return [
        _diagnostic(error, path, source)
        for path, error in invalid.errors
        if not (isinstance(error, MissingKeyError) and any((*path, key) in meant for key in error.keys))
    ]


def _diagnostic(error: ScalarError, path: Path, source: Positions) -> Diagnostic:
    if isinstance(error, MissingKeyError) and len(error.keys) == 1:
        path = (*path, *error.keys)
    message = _message(error, path)
    hint = _help(error, path, source)
    if isinstance(error, KeyConflictError):
        first, last = error.keys[0], error.keys[-1]
        notes = (Note(f"`{first}` is here", source.key((*path, first))),) if first != last else ()
        return Diagnostic(error.code, message, source.key((*path, last)), path, notes, hint)
    span = source.key(path) if error.at_key else source.value(path)
    return Diagnostic(error.code, message, span, path, help=hint)


def _message(error: ScalarError, path: Path) -> str:
    """The message for an error in the value, or the key, at `path`."""
    key, inside = (path[-1], place(path[:-1])) if path else ("", "")
    if isinstance(error, UnknownKeyError):
        return f"unknown key {quote(str(key))} in {inside}"
    if isinstance(error, MissingKeyError) and len(error.keys) == 1:
        return error.message + (f" in {inside}" if len(path) > 1 else "")
    if isinstance(error, InvalidNameError):
        return f"{error.message} in {inside if error.at_key or isinstance(key, int) else place(path)}"
    joint = " " if error.message.startswith(_VERBS) else ": "
    return f"{place(path)}{joint}{error.message}"


def _help(error: ScalarError, path: Path, source: Positions) -> str:
    """What to write instead."""
    if isinstance(error, UnknownKeyError):
        return unknown_key_hint(error.section, str(path[-1]))
    if isinstance(error, NotTextError):
        return text_hint(path, source.source_text(path), source.rest_of_line(path))
    if isinstance(error, MissingKeyError):
        return error.hint or _MISSING_HINTS.get(path, "")
    if len(path) == 2 and path[0] == "workflows" and error.code == "PX112":
        return workflow_hint(str(path[1]), source.source_text(path))
    return error.hint
