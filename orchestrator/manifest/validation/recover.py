"""What can be planned of a manifest with errors, so that cycles and unknown needs are reported in the same pass.

Values with errors are removed, and their defaults count; a workflow that cannot be kept keeps its name. Nothing of it
is ever run: its diagnostics stop every command that would.
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
"""A tree of what was removed: at the end of each path is None."""


class Recovered(Struct, frozen=True):
    """What is left of some data, and what was removed from it."""

    data: dict[str, Any]
    cuts: Cuts


def recover(data: dict[str, Any], errors: Iterable[Diagnostic], *, joining: bool = False) -> Recovered | None:
    """A copy of `data` without the values that have errors; None if no workflows would be left, unless it is `joining`
    others. `data` is not changed."""
    cuts: Cuts = {}
    stand_ins: list[Any] = []
    pools: list[Any] = []
    outputs: set[tuple[Any, Any]] = set()
    secrets: list[Any] = []
    for error in errors:
        path = error.path
        if path == () or (path == ("workflows",) and not joining):
            return None
        if path == ("version",):
            continue
        if len(path) == 2 and path[0] == "workflows" and error.code not in ("PX116", "PX104"):
            stand_ins.append(path[1])
            continue
        if len(path) == 3 and path[:2] == ("policy", "pools") and error.code != "PX116":
            pools.append(path[2])
        if len(path) > 1 and path[0] == "secrets" and error.code != "PX116":
            secrets.append(path[1])
            continue
        if len(path) > 3 and path[0] == "workflows" and path[2] == "outputs" and error.code != "PX116":
            outputs.add((path[1], path[3]))
            path = path[:4]
        _cut(cuts, path[:-1] if error.code == "PX111" else path)
    whole: dict[str, Any] = _without(data, cuts) | {"version": 1}
    for name in pools:  # a pool without its size would be unknown to the workflows that use it
        whole["policy"]["pools"][name] = _ANY_POOL_SIZE
    for workflow, name in outputs:  # so would be an output to those that use its value
        left = whole.get("workflows", {}).get(workflow, {}).get("outputs")
        if isinstance(left, dict):
            left[name] = {}
    if secrets:
        whole["secrets"] = whole["secrets"] | dict.fromkeys(secrets, _ANY_SECRET)
    if "workflows" not in whole:
        return Recovered(whole, cuts) if joining else None
    whole["workflows"] = dict(whole["workflows"])
    for name in stand_ins:
        kept = whole["workflows"].get(name)
        rest = {key: value for key, value in kept.items() if key not in _COMMANDS} if isinstance(kept, dict) else {}
        whole["workflows"][name] = rest | _STAND_IN
    if not whole["workflows"]:
        if not joining:
            return None
        del whole["workflows"]
    return Recovered(whole, cuts)


def shift(source: SourceMap, rounds: Sequence[Cuts]) -> SourceMap:
    """The positions of data that was left by these rounds: items behind a removed one have a lower index than in the
    file."""

    def find(path: Path) -> tuple[SourceMap, Path]:
        for cuts in reversed(rounds):
            path = _before(cuts, path)
        return source, path

    return Detour(find, source.texts) if rounds else source


def _before(cuts: Cuts, path: Path) -> Path:
    """The path of a value before this round."""
    steps: Path = ()
    inner: Any = cuts
    for step in path:
        if isinstance(step, int) and inner:
            for removed in sorted(index for index, cut in inner.items() if cut is None and isinstance(index, int)):
                step += removed <= step
        steps = (*steps, step)
        inner = inner.get(step) if inner else None
    return steps


def _cut(cuts: Cuts, path: Path) -> None:
    """Mark the value at `path` as removed in the tree `cuts`."""
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
