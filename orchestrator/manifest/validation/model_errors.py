"""Every fault that pydantic finds, and those it does not get to, as a diagnostic at its place."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from orchestrator.diagnostics.model import Diagnostic, Note, Path
from orchestrator.manifest.model import command_fault
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.validation.messages import tell
from orchestrator.manifest.validation.sections import place
from orchestrator.manifest.validation.unknown_keys import meant_key

MAX_TOLD = 1_000
_WHAT_TO_RUN = ("run", "argv", "file", "needs")


class Faults(Struct, frozen=True):
    """What is wrong with some data, in no order; and how many errors were not even looked at."""

    told: list[Diagnostic]
    untold: int


def faults_of(refused: ValidationError, data: dict[str, Any], source: Positions) -> Faults:
    """One diagnostic for each fault of `data`; a place may have several."""
    errors = refused.errors(include_url=False)
    untold = max(0, len(errors) - MAX_TOLD)
    # Entries that are refused do not count for pydantic: a list of nothing else is no empty list.
    found = [_diagnostic(e, data, source) for e in errors[:MAX_TOLD] if e["type"] != "too_short" or not e["input"]]
    found += _command_faults(data, found, source)
    meant = {(*fault.path[:-1], meant_key(fault.path)) for fault in found if fault.code == "PX110"}
    return Faults([fault for fault in found if fault.code != "PX111" or fault.path not in meant], untold)


def _diagnostic(error: Any, data: dict[str, Any], source: Positions) -> Diagnostic:
    path = _path(error, data)
    code, message, hint = tell(error, path, source.written(path) if _is_scalar(error["input"]) else "")
    if code in ("PX118", "PX119") and path[:1] == ("workflows",):
        return _command_diagnostic(code, message, hint, path, data, source)
    at_key = code in ("PX110", "PX111") or error["loc"][-1] == "[key]"
    return Diagnostic(code, message, source.key(path) if at_key else source.value(path), path, help=hint)


def _path(error: Any, data: object) -> Path:
    """The error's place in the data. Pydantic's own also has tags of unions, `[key]`, and the index of a lone item."""
    path: Path = ()
    for step in error["loc"]:
        if isinstance(data, dict):
            inside = step in data
        else:
            inside = isinstance(data, list) and isinstance(step, int)
        if inside:
            path = (*path, step)
            data = data[step]  # type: ignore[index]
    return (*path, error["loc"][-1]) if error["type"] == "missing" else path


def _command_faults(data: dict[str, Any], found: list[Diagnostic], source: Positions) -> list[Diagnostic]:
    """The faults between keys of workflows in which single keys are wrong too: pydantic does not get to them."""
    workflows = data.get("workflows")
    if not isinstance(workflows, dict):
        return []
    told = {fault.path for fault in found}
    excused = {fault.path[:2] for fault in found if fault.code == "PX110" and meant_key(fault.path) in _WHAT_TO_RUN}
    more = []
    for path in dict.fromkeys(fault.path[:2] for fault in found if fault.path[:1] == ("workflows",)):
        workflow = workflows.get(path[1]) if len(path) == 2 else None
        if path in told or not isinstance(workflow, dict):
            continue
        fault = command_fault(workflow, has_needs="needs" in workflow and workflow["needs"] != [])
        if fault is not None and not (fault.code == "PX119" and path in excused):
            message = f"{place(path)}: {fault.message}"
            more.append(_command_diagnostic(fault.code, message, fault.hint, path, data, source))
    return more


def _command_diagnostic(
    code: str, message: str, hint: str, path: Path, data: dict[str, Any], source: Positions
) -> Diagnostic:
    """At the last of the keys that exclude each other, with a note at the first; else at the workflow's name."""
    workflow = data["workflows"][path[1]]
    keys = [key for key in workflow if key in ("run", "argv", "file")]
    if code == "PX118" and len(keys) > 1:
        note = Note(f"`{keys[0]}` stands here", source.key((*path, keys[0])))
        return Diagnostic(code, message, source.key((*path, keys[-1])), path, (note,), hint)
    at = (*path, "args") if code == "PX118" else path
    return Diagnostic(code, message, source.key(at), path, help=hint)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)
