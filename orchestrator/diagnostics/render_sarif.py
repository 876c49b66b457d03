"""Diagnostics as a SARIF 2.1.0 log, for services that collect the findings of many tools."""

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

Json = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# What pexec counts as the end of a line; a reader that counts otherwise would look at other lines.
_LINE_BREAKS = ["\r\n", "\n", "\r", "\x85", "\u2028", "\u2029"]


def render_sarif(faults: Iterable[tuple[str, Diagnostic]]) -> str:
    """A log of one run, with the rules that its results name. Each diagnostic comes with its manifest's path, for a
    fault without a place. Pure ASCII, so no terminal is driven by it."""
    faults = list(faults)
    codes = sorted({diagnostic.code for _, diagnostic in faults})
    index_of = {code: index for index, code in enumerate(codes)}
    driver = {"name": "pexec", "semanticVersion": __version__, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": _LINE_BREAKS,
        "results": [_result(manifest, fault, index_of[fault.code]) for manifest, fault in faults],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> Json:
    told = explanation(code)
    return {
        "id": code,
        "shortDescription": {"text": told.title},
        "fullDescription": {"text": told.meaning},
        "help": {"text": told.repair, "markdown": told.text},
    }


def _result(manifest: str, diagnostic: Diagnostic, rule_index: int) -> Json:
    """A note at the diagnostic's own span is said of its location; other notes with a place are related locations."""
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
    """SARIF has no place for the help of one result, nor for notes without a place."""
    lines = [diagnostic.message, *(note.message for note in notes if note.span is None)]
    return "\n".join([*lines, f"help: {diagnostic.help}"] if diagnostic.help else lines)


def _location(manifest: str, span: Span | None) -> Json:
    place: Json = {"artifactLocation": _artifact(manifest if span is None else span.file)}
    if span is not None:
        end = span.column + span.length
        place["region"] = {"startLine": span.line, "startColumn": span.column, "endColumn": end}
    return {"physicalLocation": place}


def _artifact(file: str) -> Json:
    path = in_repository(file)
    if path is None:
        return {"uri": "file://" + quote(os.fsencode(os.path.abspath(file)))}
    return {"uri": quote(os.fsencode(path)), "uriBaseId": "%SRCROOT%"}
