"""The wording of model errors: where they are, what was expected, and what to write instead."""

from __future__ import annotations

from orchestrator.diagnostics.model import Path
from orchestrator.manifest.scalars import ScalarError, quote
from orchestrator.manifest.validation.sections import place
from orchestrator.manifest.validation.unknown_keys import unknown_key_hint
from orchestrator.manifest.value_errors import InvalidNameError, MissingKeyError, NotTextError, UnknownKeyError

_VERBS = ("has ", "is ", "must ")
_MISSING_HINTS: dict[Path, str] = {
    ("version",): "write `version: 1`",
    ("workflows",): "define at least one workflow: `workflows: {build: {run: make}}`",
}
_MAY_BE_SECRET = {"env", "args", "argv"}


def message_of(error: ScalarError, path: Path) -> str:
    """The message for an error in the value, or the key, at `path`."""
    key, inside = (path[-1], place(path[:-1])) if path else ("", "")
    if isinstance(error, UnknownKeyError):
        return f"unknown key {quote(str(key))} in {inside}"
    if isinstance(error, MissingKeyError):
        return f"missing key `{key}`" + (f" in {inside}" if len(path) > 1 else "")
    if isinstance(error, InvalidNameError):
        return f"{error.message} in {inside if error.at_key or isinstance(key, int) else place(path)}"
    joint = " " if error.message.startswith(_VERBS) else ": "
    return f"{place(path)}{joint}{error.message}"


def help_for(error: ScalarError, path: Path, written: str) -> str:
    """What to write instead; `written` is the text of a scalar in the file, empty if it is not known."""
    if isinstance(error, UnknownKeyError):
        return unknown_key_hint(error.section, str(path[-1]))
    if isinstance(error, MissingKeyError):
        return _MISSING_HINTS.get(path, "")
    return _quoting_hint(path, written) if isinstance(error, NotTextError) else error.hint


def _quoting_hint(path: Path, written: str) -> str:
    """What to write for text; without the value where it may be a secret."""
    if not written:
        return "write the text, or remove the key"
    if not _MAY_BE_SECRET.isdisjoint(path) or len(written) > 30 or written[0] in "*&":
        return "put it in quotes"
    return f'put it in quotes: `"{written}"`'
