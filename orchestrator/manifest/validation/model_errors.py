"""Every error in the data of a manifest as a diagnostic at its place."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.diagnostics.model import Diagnostic, Note, Path
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.validation.messages import help_for, message_of
from orchestrator.manifest.validation.unknown_keys import meant_key
from orchestrator.manifest.value_errors import (
    MAX_COUNTED,
    InvalidDataError,
    KeyConflictError,
    MissingKeyError,
    MissingOneOfError,
    NotTextError,
    UnknownKeyError,
)


class ModelErrors(Struct, frozen=True):
    """What is wrong with some data, in no order; how many errors are not listed, and whether there may be more."""

    listed: list[Diagnostic]
    unlisted: int = 0
    incomplete: bool = False


def model_errors(invalid: InvalidDataError, source: Positions) -> ModelErrors:
    """A diagnostic for each error; a place may have several."""
    # Where an unknown key was meant to be a missing one, it is the only error.
    meant: set[Path] = set()
    for path, error in invalid.errors:
        if isinstance(error, UnknownKeyError):
            meant.add((*path[:-1], meant_key(error.section, str(path[-1])) or ""))
    listed = []
    for path, error in invalid.errors:
        if isinstance(error, MissingKeyError) and path in meant:
            continue
        if isinstance(error, MissingOneOfError) and not meant.isdisjoint((*path, key) for key in error.keys):
            continue
        listed.append(_diagnostic(error, path, source))
    return ModelErrors(listed, invalid.count - len(invalid.errors), invalid.count >= MAX_COUNTED)


def _diagnostic(error: ScalarError, path: Path, source: Positions) -> Diagnostic:
    message = message_of(error, path)
    hint = help_for(error, path, source.source_text(path) if isinstance(error, NotTextError) else "")
    if isinstance(error, KeyConflictError):
        first, last = error.keys[0], error.keys[-1]
        notes = (Note(f"`{first}` is here", source.key((*path, first))),) if first != last else ()
        return Diagnostic(error.code, message, source.key((*path, last)), path, notes, hint)
    span = source.key(path) if error.at_key else source.value(path)
    return Diagnostic(error.code, message, span, path, help=hint)
