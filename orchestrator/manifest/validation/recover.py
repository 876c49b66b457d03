"""A faulty manifest made whole enough to be planned, so that cycles and unknown needs are told in the same pass.

Faulty values go, and their defaults count; a workflow that cannot stay keeps its name. Nothing of it is ever run: its
diagnostics stop every command that would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from orchestrator.diagnostics.model import Diagnostic, Path
from orchestrator.manifest.syntax.source_map import Detour, SourceMap

_COMMANDS = ("run", "argv", "file", "args")
_STAND_IN = {"run": ":"}
_ANY_POOL_SIZE = 1_000_000
_ANY_SECRET = {"env": "_"}


Cuts = dict[Any, Any]
"""A tree of what went: None marks it, behind the steps of its path."""


class Repaired(Struct, frozen=True):
    """What is left of some data, and what went of it."""

    data: dict[str, Any]
    cuts: Cuts


def recover(data: dict[str, Any], faults: Iterable[Diagnostic], *, joining: bool = False) -> Repaired | None:
    """A copy of `data` without the places at fault; None if no workflows would be left, which only what is `joining`
    others can do without. `data` stays as it is."""
    cuts: Cuts = {}
    stand_ins: list[Any] = []
    pools: list[Any] = []
    secrets: list[Any] = []
    for fault in faults:
        path = fault.path
        if path == () or (path == ("workflows",) and not joining):
            return None
        if path == ("version",):
            continue
        if len(path) == 2 and path[0] == "workflows" and fault.code not in ("PX116", "PX104"):
            stand_ins.append(path[1])
            continue
        if len(path) == 3 and path[:2] == ("policy", "pools") and fault.code != "PX116":
            pools.append(path[2])
        if len(path) > 1 and path[0] == "secrets" and fault.code != "PX116":
            secrets.append(path[1])
            continue
        _cut(cuts, path[:-1] if fault.code == "PX111" else path)
    whole: dict[str, Any] = _without(data, cuts) | {"version": 1}
    for name in pools:  # a pool without its size would be unknown to all who use it
        whole["policy"]["pools"][name] = _ANY_POOL_SIZE
    if secrets:
        whole["secrets"] = whole["secrets"] | dict.fromkeys(secrets, _ANY_SECRET)
    if "workflows" not in whole:
        return Repaired(whole, cuts) if joining else None
    whole["workflows"] = dict(whole["workflows"])
    for name in stand_ins:
        kept = whole["workflows"].get(name)
        rest = {key: value for key, value in kept.items() if key not in _COMMANDS} if isinstance(kept, dict) else {}
        whole["workflows"][name] = rest | _STAND_IN
    if not whole["workflows"]:
        if not joining:
            return None
        del whole["workflows"]
    return Repaired(whole, cuts)


def moved(source: SourceMap, rounds: Sequence[Cuts]) -> SourceMap:
    """The places of data that these rounds of repair have left: items behind one that went stand further on."""

    def find(path: Path) -> tuple[SourceMap, Path]:
        for cuts in reversed(rounds):
            path = _before(cuts, path)
        return source, path

    return Detour(find, source.texts) if rounds else source


def _before(cuts: Cuts, path: Path) -> Path:
    """The path that a place had before this round."""
    steps: Path = ()
    inner: Any = cuts
    for step in path:
        if isinstance(step, int) and inner:
            for gone in sorted(index for index, cut in inner.items() if cut is None and isinstance(index, int)):
                step += gone <= step
        steps = (*steps, step)
        inner = inner.get(step) if inner else None
    return steps


def _cut(cuts: Cuts, path: Path) -> None:
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
