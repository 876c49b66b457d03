"""A faulty manifest made whole enough to be planned, so that cycles and unknown needs are told in the same pass.

Faulty values go, and their defaults count; a workflow that cannot stay keeps its name. Nothing of it is ever run: its
diagnostics stop every command that would.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.diagnostics import Diagnostic, Path

_COMMANDS = ("run", "argv", "file", "args")
_STAND_IN = {"run": ":"}
_ANY_POOL_SIZE = 1_000_000


def repaired(data: dict[str, Any], faults: Iterable[Diagnostic]) -> dict[str, Any] | None:
    """A copy of `data` without the places at fault; None if no workflows would be left. `data` stays as it is."""
    cuts: dict[Any, Any] = {}
    stand_ins: list[Any] = []
    pools: list[Any] = []
    for fault in faults:
        path = fault.path
        if path in ((), ("workflows",)):
            return None
        if path == ("version",):
            continue
        if len(path) == 2 and path[0] == "workflows" and fault.code not in ("PX116", "PX104"):
            stand_ins.append(path[1])
            continue
        if len(path) == 3 and path[:2] == ("policy", "pools") and fault.code != "PX116":
            pools.append(path[2])
        _cut(cuts, path[:-1] if fault.code == "PX111" else path)
    whole: dict[str, Any] = _without(data, cuts) | {"version": 1}
    for name in pools:  # a pool without its size would be unknown to all who use it
        whole["policy"]["pools"][name] = _ANY_POOL_SIZE
    if "workflows" not in whole:
        return None
    whole["workflows"] = dict(whole["workflows"])
    for name in stand_ins:
        kept = whole["workflows"].get(name)
        rest = {key: value for key, value in kept.items() if key not in _COMMANDS} if isinstance(kept, dict) else {}
        whole["workflows"][name] = rest | _STAND_IN
    return whole if whole["workflows"] else None


def _cut(cuts: dict[Any, Any], path: Path) -> None:
    """Note in the tree `cuts` that what stands at `path` goes: None marks it."""
    for step in path[:-1]:
        inner = cuts.setdefault(step, {})
        if inner is None:
            return
        cuts = inner
    cuts[path[-1]] = None


def _without(node: Any, cuts: dict[Any, Any]) -> Any:
    if isinstance(node, dict):
        return {
            key: _without(value, cuts[key]) if key in cuts else value
            for key, value in node.items()
            if key not in cuts or cuts[key] is not None
        }
    if isinstance(node, list):
        return [
            _without(value, cuts[index]) if index in cuts else value
            for index, value in enumerate(node)
            if index not in cuts or cuts[index] is not None
        ]
    return node
