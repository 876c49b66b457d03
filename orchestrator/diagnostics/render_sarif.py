"""Diagnostics as a SARIF 2.1.0 log, for services that collect the results of many tools."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from orchestrator import __version__
from orchestrator.diagnostics.explanation import explanation
from orchestrator.diagnostics.model import Diagnostic, Note, Span
from orchestrator.diagnostics.repository import in_repository

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# What pexec counts as the end of a line; a viewer that counts differently would show other lines.
_LINE_BREAKS = ["\r\n", "\n", "\r", "\x85", "\u2028", "\u2029"]


def render_sarif(diagnostics: Iterable[tuple[str, Diagnostic]]) -> str:
    """A log of one run, with the rules that its results name. Each diagnostic comes with its manifest's path, for one
    without a place. Pure ASCII: no control character reaches a terminal."""
    diagnostics = list(diagnostics)
    codes = sorted({diagnostic.code for _, diagnostic in diagnostics})
    index_of = {code: index for index, code in enumerate(codes)}
    driver = {
        "name": "pexec",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": _LINE_BREAKS,
        "results": [_result(manifest, one, index_of[one.code]) for manifest, one in diagnostics],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    explained = explanation(code)
    return {
        "id": code,
        "shortDescription": {"text": explained.title},
        "fullDescription": {"text": explained.meaning},
        "help": {"text": explained.fix, "markdown": explained.text},
    }


def _result(manifest: str, diagnostic: Diagnostic, rule_index: int) -> dict[str, Any]:
    """A note at the diagnostic's own span is the message of its location; other notes with a place are related ones."""
    span = diagnostic.span
    label = next((note for note in diagnostic.notes if span is not None and note.span == span), None)
    location = _location(manifest, span) | ({"message": {"text": label.message}} if label else {})
    others = [note for note in diagnostic.notes if note is not label]
    result = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule_index,
        "level": diagnostic.severity.value,
        "message": {"text": _message(diagnostic, others)},
        "locations": [location],
    }
    related = [_location(manifest, note.span) | {"message": {"text": note.message}} for note in others if note.span]
    if related:
        result["relatedLocations"] = [{"id": number, **place} for number, place in enumerate(related)]
    return result


def _message(diagnostic: Diagnostic, notes: Iterable[Note]) -> str:
    """SARIF has no field for the help of one result, nor for notes without a place."""
    lines = [diagnostic.message, *(note.message for note in notes if note.span is None)]
    return "\n".join([*lines, f"help: {diagnostic.help}"] if diagnostic.help else lines)


def _location(manifest: str, span: Span | None) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": _artifact(manifest if span is None else span.file)}
    if span is not None:
        end = span.column + span.length
        place["region"] = {"startLine": span.line, "startColumn": span.column, "endColumn": end}
    return {"physicalLocation": place}


def _artifact(file: str) -> dict[str, Any]:
    path = in_repository(file)
    if path is None:
        return {"uri": "file://" + quote(os.fsencode(os.path.abspath(file)))}
    return {"uri": quote(os.fsencode(path)), "uriBaseId": "%SRCROOT%"}
