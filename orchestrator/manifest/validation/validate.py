"""Plain data to the model, and every fault of it to a diagnostic at its place: all of them in one pass."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace
from pydantic import ValidationError

from orchestrator.diagnostics.model import Diagnostic, Note
from orchestrator.manifest.model import JoiningManifest, Manifest
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.syntax.source_map import SourceMap

if TYPE_CHECKING:
    from orchestrator.manifest.validation.model_errors import Faults

MAX_SHOWN = 100
_SAMPLE = 200  # entries of each list and mapping that are looked at before a large manifest is checked as a whole
_ROUNDS = 5
_EMPTY_HINT = "it needs at least `version: 1` and `workflows`"


class Checked(Struct, frozen=True):
    """The manifest, perhaps only salvaged, with its places, and what is wrong with it in the order of the text."""

    manifest: Manifest | None
    source: SourceMap
    diagnostics: list[Diagnostic]


def check(data: object, source: Positions, *, large: bool = False, included: bool = False) -> Checked:
    """The model of `data`. With `large`, data that is wrong all over is given up after a sample: a million errors
    take a gigabyte. What is `included`, or includes others, needs no workflows of its own."""
    if not isinstance(data, dict):
        return Checked(None, source, [_no_mapping(data, source)])
    model = JoiningManifest if included or data.get("include") else Manifest
    if large:
        found = _validated(model, _sample(data), source)
        if not isinstance(found, Manifest) and len(found.told) > MAX_SHOWN:
            return Checked(None, source, _shown(found))
    found = _validated(model, data, source)
    if isinstance(found, Manifest):
        return Checked(found, source, [])
    return Checked(*_salvaged(model, data, found, source), _shown(found))


def _no_mapping(data: object, source: Positions) -> Diagnostic:
    if data is None:
        return Diagnostic("PX111", "the manifest is empty", source.value(()), help=_EMPTY_HINT)
    return Diagnostic("PX112", "the manifest must be a mapping", source.value(()), help=_EMPTY_HINT)


def _validated(model: type[Manifest], data: dict[str, Any], source: Positions) -> Manifest | Faults:
    try:
        return model.model_validate(data)
    except ValidationError as refused:
        from orchestrator.manifest.validation.model_errors import faults_of  # late: most manifests have none

        return faults_of(refused, data, source)


def _salvaged(
    model: type[Manifest], data: dict[str, Any], faults: Faults, source: Positions
) -> tuple[Manifest | None, SourceMap]:
    """What can still be planned, and its places. What a repair itself makes invalid is not told again, only repaired
    too."""
    from orchestrator.manifest.validation.recover import moved, recover

    rounds = []
    for _ in range(_ROUNDS):
        whole = None if faults.untold else recover(data, faults.told, joining=model is JoiningManifest)
        if whole is None:
            break
        data = whole.data
        rounds.append(whole.cuts)
        found = _validated(model, data, source)
        if isinstance(found, Manifest):
            return found, moved(source, rounds)
        faults = found
    return None, source


def _shown(faults: Faults) -> list[Diagnostic]:
    """In the order of the text, each place once, and not more of them than anybody reads."""
    once = {(fault.path, fault.code): fault for fault in faults.told}
    ordered = sorted(once.values(), key=lambda fault: (fault.span.line, fault.span.column) if fault.span else (0, 0))
    more = len(ordered) - MAX_SHOWN + faults.untold
    if more > 0:
        last = ordered[:MAX_SHOWN][-1]
        rest = Note(f"and {more:,} more like {'this' if more == 1 else 'these'}")
        ordered[MAX_SHOWN - 1 :] = [replace(last, notes=(*last.notes, rest))]
    return ordered


def _sample(node: Any, levels: int = 4) -> Any:
    if levels == 0:
        return node
    if isinstance(node, dict):
        return {key: _sample(value, levels - 1) for key, value in islice(node.items(), _SAMPLE)}
    return [_sample(value, levels - 1) for value in node[:_SAMPLE]] if isinstance(node, list) else node
