"""YAML text to plain data and marks: one bounded pass over the events of the C parser, with a stack of our own.

Nothing is built from what the library would make of a document: its loader overflows the stack on deep nesting, expands
merge keys without end, and prints values. Keys are text as they are written; values follow the YAML 1.2 core schema.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml.cyaml import CParser
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.marks import MAX_DUPLICATES, Marks
from orchestrator.manifest.resolve import SUSPECT_FIRST, resolve
from orchestrator.manifest.text import Lines, Refusal
from orchestrator.manifest.yaml_problems import explain

MAX_DEPTH = 40
# Keys and values, counting again what an alias repeats. 100,000 workflows with their needs are about 850,000.
MAX_NODES = 1_000_000

def read_yaml(lines: Lines) -> tuple[object, Marks]:
    """The data of the one document, None if there is none, and where it all stands. Raises `Refusal`."""
    builder = _Builder(lines)
    try:
        builder.run(CParser(lines.text).get_event)
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        at = mark.index if mark is not None else 0
        message, hint = explain(fault.problem or "", fault.context or "", lines.text, at)
        raise Refusal(Diagnostic("PX102", message, lines.span(at, at + 1), help=hint)) from None
    except YAMLError as fault:
        at = min(getattr(fault, "position", 0), len(lines.text))
        raise Refusal(Diagnostic("PX102", "a control character", lines.span(at, at + 1))) from None
    return builder.root, builder.marks


class _Builder:
    """The state of the pass. `anchors` has each name's value and count of nodes; 0 while the value is still open."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.marks = Marks()
        self.documents: list[object] = []
        self.anchors: dict[str, tuple[object, int]] = {}
        self.repeated = 0  # nodes that aliases stand for, beyond the aliases themselves

    def run(self, next_event: Any) -> None:
        """Reads the whole stream. One long loop, since a call for each event would cost a third of the time."""
        marks, anchors = self.marks, self.anchors
        starts, ends, skips, names = marks.starts, marks.ends, marks.skips, marks.names
        stack: list[tuple[Any, bool, int, str | None, int]] = []
        container: Any = self.documents
        in_mapping = False
        key: str | None = None
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                value = event.value
                if event.ctag is not None or "\0" in value:
                    self._refuse_scalar(event)
                starts.append(event.start_mark.index)
                ends.append(event.end_mark.index)
                skips.append(0)
                if in_mapping and key is None:
                    key = value
                    names.append(key)
                    if key in container and len(marks.duplicates) < MAX_DUPLICATES:
                        marks.duplicates.append(len(starts) - 1)
                    if key == "<<" and event.implicit[0]:
                        self._refuse("PX105", "merge keys are not read", event, MERGE_HINT)
                    continue
                names.append(None)
                if event.implicit[0] and (not value or value[0] in SUSPECT_FIRST):
                    value = resolve(value)
                if event.anchor is not None:
                    anchors[event.anchor] = (value, 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if in_mapping and key is None:
                    self._refuse("PX105", "a key that is not text", event)
