"""How messages name the places of a manifest."""

from __future__ import annotations

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Path


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
