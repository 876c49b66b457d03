"""Places of a manifest as people name them, and which section of the model stands at a path."""

from __future__ import annotations

from pydantic import BaseModel

from orchestrator.diagnostics.model import Path
from orchestrator.manifest.limit_keys import Limits
from orchestrator.manifest.model import Admission, Defaults, ExitCodes, Manifest, Policy, Retry, Workflow
from orchestrator.manifest.parts import Condition, Glob, Include, Matrix, Need, Param
from orchestrator.manifest.scalars import quote
from orchestrator.manifest.secret_keys import Secret


def place(path: Path) -> str:
    """`retry.delay` of workflow `test`; item 2 of `needs` of workflow `test`; the manifest."""
    if not path:
        return "the manifest"
    keys, owner = path, ""
    if path[0] == "workflows" and len(path) > 1:
        owner = f"workflow {quote(str(path[1]))}"
        keys = path[2:]
        if not keys:
            return owner
    dotted = ".".join(key for key in keys if isinstance(key, str))
    item = f"item {keys[-1] + 1} of " if isinstance(keys[-1], int) else ""
    return f"{item}{quote(dotted)}" + (f" of {owner}" if owner else "")


def section_at(path: Path) -> type[BaseModel] | None:
    """The model of the mapping at `path`; None where the keys are free."""
    if not path:
        return Manifest
    if path[0] == "workflows":
        if len(path) == 2:
            return Workflow
        path = path[2:]
    if path[:1] == ("secrets",):
        return Secret if len(path) == 2 else None
    if len(path) == 2 and path[0] in ("params", "include"):
        return Param if path[0] == "params" else Include
    last = path[-1] if path else None
    if path[:1] == ("if",):
        return Glob if isinstance(last, str) and "." in last else Condition
    if path[:1] in (("needs",), ("after",)):
        return None if last == "matrix" else Need
    if isinstance(last, int):
        return ExitCodes if path[-2:-1] == ("on",) else None
    if len(path) == 1 and last in ("policy", "defaults"):
        return Policy if last == "policy" else Defaults
    if path == ("matrix",):
        return Matrix
    if last in ("limits", "admission"):
        return Limits if last == "limits" else Admission
    return Retry if last == "retry" else None


def keys_of(section: type[BaseModel]) -> list[str]:
    """The keys of a section as a manifest writes them."""
    return [field.alias or name for name, field in section.model_fields.items()]
