"""YAML text to plain data and marks: one bounded pass over the events of the C parser, with a stack of our own.

Nothing is left to the library's loader: it overflows the C stack on deep nesting, expands merge keys without end, and
prints values. Keys are text as it is written; values follow the YAML 1.2 core schema.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]
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

from orchestrator.diagnostics.model import Diagnostic
from orchestrator.manifest.syntax.lines import Lines, Refusal
from orchestrator.manifest.syntax.parse_errors import explain_yaml
from orchestrator.manifest.syntax.position_index import MAX_DUPLICATES, NodeTable
from orchestrator.manifest.syntax.yaml_scalars import SUSPECT_FIRST, resolve

MAX_DEPTH = 40
# Keys and values, and again what an alias repeats. A bomb is to be refused in two seconds, which half a million take;
# 100,000 workflows with their needs are 850,000, so many workflows of an ordinary size may be more.
MAX_NODES = 500_000
MANY_WORKFLOWS = 20_000
MAX_NODES_OF_MANY = 1_000_000

_MERGE_HINT = "use `defaults` for what all workflows share, or an alias for one whole value"


def read_yaml(lines: Lines) -> tuple[object, NodeTable]:
    """The data of the one document, None if there is none, and where it all stands. Raises `Refusal`."""
    try:
        builder = _built(lines, CParser(lines.text).get_event)
    except MarkedYAMLError as fault:
        from orchestrator.manifest.syntax.yaml_flow import STUMBLES, second_try  # late: most manifests parse

        events = second_try(lines.text) if fault.problem in STUMBLES else None
        if events is None:
            raise _refusal(fault, lines) from None
        try:
            builder = _built(lines, events)
        except YAMLError as second:
            raise _refusal(second, lines) from None
    except YAMLError as fault:
        raise _refusal(fault, lines) from None
    builder.marks.nodes = len(builder.marks.starts) + builder.repeated
    return (builder.documents[0] if builder.documents else None), builder.marks


def _built(lines: Lines, next_event: Any) -> _Builder:
    builder = _Builder(lines)
    builder.run(next_event)
    return builder


def _refusal(fault: YAMLError, lines: Lines) -> Refusal:
    if not isinstance(fault, MarkedYAMLError):
        at = min(getattr(fault, "position", 0), len(lines.text))
        message = "a control character, which YAML does not allow"
        return Refusal(Diagnostic("PX102", message, lines.span(at, at + 1)))
    mark = fault.problem_mark or fault.context_mark
    start = fault.context_mark.index if fault.context_mark is not None else 0
    at = mark.index if mark is not None else 0
    message, hint, at = explain_yaml(fault.problem or "", fault.context or "", lines.text, start, at)
    return Refusal(Diagnostic("PX102", message, lines.span(at, at + 1), help=hint))


class _Builder:
    """The state of the pass. `anchors` has each name's value and count of nodes; 0 while the value is still open."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.marks = NodeTable()
        self.documents: list[object] = []
        self.anchors: dict[str, tuple[object, int]] = {}
        self.repeated = 0  # nodes that aliases stand for, beyond the aliases themselves

    def run(self, next_event: Any) -> None:
        """Read the whole stream. One long loop: a call for each event would take a third of the time again."""
        marks, anchors = self.marks, self.anchors
        starts, ends, skips, names = marks.starts, marks.ends, marks.skips, marks.names
        stack: list[tuple[Any, bool, int, str | None, int]] = []
        container: Any = self.documents
        in_mapping = opens = False
        key: str | None = None
        limit = MAX_NODES
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                value = event.value
                if event.ctag is not None or "\0" in value:
                    self.refuse_scalar(event)
                if in_mapping and key is None:
                    key = value
                    if key in container:
                        self.note_duplicate(stack[-1][2])
                    if key == "<<" and event.implicit[0]:
                        self.refuse("PX105", "merge keys are not read", event, _MERGE_HINT)
                    starts.append(event.start_mark.index)
                    ends.append(event.end_mark.index)
                    skips.append(0)
                    names.append(key)
                    continue
                if event.implicit[0] and (not value or value[0] in SUSPECT_FIRST):
                    value = resolve(value)
                if event.anchor is not None:
                    anchors[event.anchor] = (value, 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self.check_start(event, len(stack), is_key=in_mapping and key is None)
                value = {} if kind is MappingStartEvent else []
                opens = True
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                closed = container
                container, in_mapping, node, anchor, repeated = stack.pop()
                skips[node] = len(starts)
                ends[node] = event.end_mark.index
                if anchor is not None:
                    anchors[anchor] = (closed, len(starts) - node + self.repeated - repeated)
                continue
            elif kind is AliasEvent:
                value = self.alias(event, is_key=in_mapping and key is None)
            elif kind is StreamEndEvent:
                return
            else:
                if kind is DocumentStartEvent:
                    self.check_document(event)
                continue
            if len(starts) + self.repeated >= limit:
                limit = self.raised_limit(limit, event)
            if in_mapping:
                container[key] = value
                key = None
            else:
                container.append(value)
            if opens:
                stack.append((container, in_mapping, len(starts), event.anchor, self.repeated))
                container, in_mapping, opens = value, kind is MappingStartEvent, False
            starts.append(event.start_mark.index)
            ends.append(event.end_mark.index)
            skips.append(0)
            names.append(None)

    def refuse(self, code: str, message: str, event: Any, hint: str = "") -> NoReturn:
        span = self.lines.span(event.start_mark.index, event.end_mark.index)
        raise Refusal(Diagnostic(code, message, span, help=hint))

    def refuse_scalar(self, event: Any) -> NoReturn:
        if event.ctag is not None:
            self.refuse("PX105", "tags are not read", event, "remove the tag; quotes make text of a value")
        self.refuse("PX105", "text with a NUL character", event, "neither programs nor files can be given one")

    def note_duplicate(self, mapping: int) -> None:
        if len(self.marks.duplicates) < MAX_DUPLICATES:
            self.marks.duplicates.append((mapping, len(self.marks.starts)))

    def check_start(self, event: Any, depth: int, *, is_key: bool) -> None:
        if is_key:
            self.refuse("PX105", "a key that is not text", event)
        if event.ctag is not None:
            self.refuse("PX105", "tags are not read", event, "remove the tag")
        if depth >= MAX_DEPTH:
            self.refuse("PX103", f"lists and mappings are nested more than {MAX_DEPTH} deep", event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (None, 0)

    def alias(self, event: Any, *, is_key: bool) -> object:
        if is_key:
            self.refuse("PX105", "an alias as a key", event, "write the key itself")
        if event.anchor not in self.anchors:
            self.refuse("PX102", f"no anchor `&{event.anchor}` stands before this alias", event)
        value, nodes = self.anchors[event.anchor]
        if nodes == 0:
            self.refuse("PX105", "an alias inside of what it repeats", event)
        self.repeated += nodes - 1
        return value

    def raised_limit(self, limit: int, event: Any) -> int:
        manifest = self.documents[0]
        workflows = manifest.get("workflows") if isinstance(manifest, dict) else None
        many = isinstance(workflows, dict) and MANY_WORKFLOWS <= len(workflows) <= limit // 4
        if not many or limit == MAX_NODES_OF_MANY:
            self.refuse("PX103", f"more than {limit:,} keys and values", event)
        return MAX_NODES_OF_MANY

    def check_document(self, event: Any) -> None:
        if self.documents:
            self.refuse("PX105", "a second document", event, "a manifest is one document; remove this `---`")
        if event.version not in (None, (1, 2)):
            self.refuse("PX105", "a manifest is read as YAML 1.2", event, "remove the `%YAML` line")
