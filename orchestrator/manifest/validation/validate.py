"""Plain data to the model, and every error in it to a diagnostic at its place: all of them in one pass."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.diagnostics.model import Diagnostic, Note
from orchestrator.manifest.model import JoiningManifest, Manifest
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.manifest.value_errors import MAX_COUNTED, InvalidDataError

MAX_SHOWN = 100
_ROUNDS = 5
_EMPTY_HINT = "it needs at least `version: 1` and `workflows`"


class CheckedManifest(Struct, frozen=True):
    """The manifest, perhaps only a part of it, with its positions, and what is wrong with it in the order of the
    text."""

    manifest: Manifest | None
    source: SourceMap
    diagnostics: list[Diagnostic]


def check(data: object, source: Positions, *, included: bool = False) -> CheckedManifest:
    """The model of `data`. What is `included`, or includes others, needs no workflows of its own."""
    if not isinstance(data, dict):
        return CheckedManifest(None, source, [_not_a_mapping(data, source)])
    model = JoiningManifest if included or data.get("include") else Manifest
    respelled: list[Diagnostic] = []
    if source.respelled:
        from orchestrator.manifest.validation.respelled_numbers import respelled_numbers  # late: most have none

        respelled = respelled_numbers(data, source)
    try:
        return CheckedManifest(model.parse(data), source, respelled)
    except InvalidDataError as invalid:
        from orchestrator.manifest.validation.model_errors import model_errors  # late: most manifests have none
        from orchestrator.manifest.validation.other_tools import recognized

        foreign = recognized(data, source)
        if foreign is not None:
            return CheckedManifest(None, source, [foreign])
        found = model_errors(invalid, source) + respelled
        rest, positions = (
            (None, source) if invalid.count > len(invalid.errors) else _recovered(model, data, found, source)
        )
        return CheckedManifest(rest, positions, _shown(found, invalid))


def _not_a_mapping(data: object, source: Positions) -> Diagnostic:
    if data is None:
        return Diagnostic("PX111", "the manifest is empty", source.value(()), help=_EMPTY_HINT)
    return Diagnostic("PX112", "the manifest must be a mapping", source.value(()), help=_EMPTY_HINT)


def _recovered(
    model: type[Manifest], data: dict[str, Any], errors: list[Diagnostic], source: Positions
) -> tuple[Manifest | None, SourceMap]:
    """What can still be planned, and its positions. What a recovery itself makes invalid is not reported again, only
    removed too."""
    from orchestrator.manifest.validation.model_errors import model_errors
    from orchestrator.manifest.validation.recover import recover, shift

    rounds = []
    for _ in range(_ROUNDS):
        rest = recover(data, errors, joining=model is JoiningManifest)
        if rest is None:
            break
        data = rest.data
        rounds.append(rest.cuts)
        try:
            return model.parse(data), shift(source, rounds)
        except InvalidDataError as invalid:
            errors = model_errors(invalid, source)
    return None, source


def _shown(errors: list[Diagnostic], invalid: InvalidDataError) -> list[Diagnostic]:
    """In the order of the text, each place once, and not more of them than anyone reads."""
    at_paths = {(error.path, error.code): error for error in errors}
    # What is merged into several workflows is the same mistake in each of them.
    once: dict[tuple[object, ...], Diagnostic] = {}
    for error in at_paths.values():
        once.setdefault((error.span, error.code, error.path[-1:]) if error.span else (error.path, error.code), error)
    ordered = sorted(once.values(), key=lambda error: (error.span.line, error.span.column) if error.span else (0, 0))
    more = len(ordered) - MAX_SHOWN + invalid.count - len(invalid.errors)
    if more > 0:
        last = ordered[:MAX_SHOWN][-1]
        count = f"at least {more:,}" if invalid.count >= MAX_COUNTED else f"{more:,}"
        rest = Note(f"and {count} more like {'this' if more == 1 else 'these'}")
        ordered[MAX_SHOWN - 1 :] = [replace(last, notes=(*last.notes, rest))]
    return ordered
