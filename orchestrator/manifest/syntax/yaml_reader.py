"""YAML text to plain data and a node table: one bounded pass over the events of the C parser, with an explicit stack.

The library's loader is not used: it overflows the C stack on deep nesting, expands merge keys without limit, and prints
values. Keys are text as written; values follow the YAML 1.2 core schema. Merge keys (`<<`) are those of YAML 1.1.
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
from orchestrator.manifest.syntax.lines import Lines, ReadError
from orchestrator.manifest.syntax.parse_errors import explain_yaml
from orchestrator.manifest.syntax.position_index import MAX_DUPLICATES, NodeTable
from orchestrator.manifest.syntax.yaml_scalars import SUSPECT_FIRST, resolve

MAX_DEPTH = 40
MERGE_KEY = "<<"
# Keys and values, including what aliases repeat. A bomb must be refused within two seconds, enough for half a million;
# 100,000 workflows with their needs have 850,000, so manifests of many workflows of ordinary size may have more.
MAX_NODES = 500_000
MANY_WORKFLOWS = 20_000
MAX_NODES_OF_MANY = 1_000_000

_NUMBERS = (int, float)


def read_yaml(lines: Lines) -> tuple[object, NodeTable]:
    """The data of the only document, None if the text has none, and its node table. Raises ReadError."""
    try:
        builder = _built(lines, CParser(lines.text).get_event)
    except MarkedYAMLError as fault:
        from orchestrator.manifest.syntax.yaml_flow import STUMBLES, second_try  # late: most manifests parse

        events = second_try(lines.text) if fault.problem in STUMBLES else None
        if events is None:
            raise _read_error(fault, lines) from None
        try:
            builder = _built(lines, events)
        except YAMLError as second:
            raise _read_error(second, lines) from None
    except YAMLError as fault:
        raise _read_error(fault, lines) from None
    except ReadError as refused:
        raise ReadError(_explained(refused.diagnostic, lines)) from None
    builder.table.nodes = len(builder.table.starts) + builder.repeated
    return (builder.documents[0] if builder.documents else None), builder.table


def _built(lines: Lines, next_event: Any) -> _Builder:
    builder = _Builder(lines)
    builder.run(next_event)
    return builder


def _read_error(fault: YAMLError, lines: Lines) -> ReadError:
    if not isinstance(fault, MarkedYAMLError):
        at = min(getattr(fault, "position", 0), len(lines.text))
        message = "control character, which YAML does not allow"
        return ReadError(Diagnostic("PX102", message, lines.span(at, at + 1)))
    mark = fault.problem_mark or fault.context_mark
    start = fault.context_mark.index if fault.context_mark is not None else 0
    at = mark.index if mark is not None else 0
    message, hint, at = explain_yaml(fault.problem or "", fault.context or "", lines.text, start, at)
    places = () if "block mapping" in (fault.context or "") else (start,)
    return ReadError(_explained(Diagnostic("PX102", message, lines.span(at, at + 1), help=hint), lines, *places))


def _explained(error: Diagnostic, lines: Lines, *places: int) -> Diagnostic:
    from orchestrator.manifest.syntax.misread_text import explained  # late: most manifests parse

    return explained(error, lines, *places)


class _Builder:
    """The state of the pass. `anchors` has each name's value, its count of nodes, which is 0 while the value is still
    open, and its node. `merging` has the open mappings with a merge key, each with the node of that key's value."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.table = NodeTable()
        self.documents: list[object] = []
        self.anchors: dict[str, tuple[object, int, int]] = {}
        self.merging: dict[int, int] = {}
        self.repeated = 0  # nodes that aliases stand for, beyond the aliases themselves

    def run(self, next_event: Any) -> None:
        """Read the whole stream. One long loop: a call for each event would add a third to the time."""
        table, anchors, merging = self.table, self.anchors, self.merging
        starts, ends, siblings, names = table.starts, table.ends, table.next_sibling, table.names
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
                    if key == MERGE_KEY and event.implicit[0]:
                        merging[stack[-1][2]] = len(starts) + 1
                    starts.append(event.start_mark.index)
                    ends.append(event.end_mark.index)
                    siblings.append(0)
                    names.append(key)
                    continue
                if event.implicit[0] and (not value or value[0] in SUSPECT_FIRST):
                    value = resolve(value)
                    if type(value) in _NUMBERS and event.value != str(value):
                        table.has_respelled = True
                if event.anchor is not None:
                    anchors[event.anchor] = (value, 1, len(starts))
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self.check_start(event, len(stack), is_key=in_mapping and key is None)
                value = {} if kind is MappingStartEvent else []
                opens = True
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                closed = container
                container, in_mapping, node, anchor, repeated = stack.pop()
                siblings[node] = len(starts)
                ends[node] = event.end_mark.index
                if merging and node in merging:
                    self.merge(closed, node)
                if anchor is not None:
                    anchors[anchor] = (closed, len(starts) - node + self.repeated - repeated, node)
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
            siblings.append(0)
            names.append(None)

    def refuse(self, code: str, message: str, event: Any, hint: str = "") -> NoReturn:
        span = self.lines.span(event.start_mark.index, event.end_mark.index)
        raise ReadError(Diagnostic(code, message, span, help=hint))

    def refuse_scalar(self, event: Any) -> NoReturn:
        if event.ctag is not None:
            self.refuse("PX105", "tags are not supported", event, "remove the tag; quotes make a value text")
        self.refuse("PX105", "text contains a NUL character", event, "programs and files cannot receive one")

    def note_duplicate(self, mapping: int) -> None:
        if len(self.table.duplicates) < MAX_DUPLICATES:
            self.table.duplicates.append((mapping, len(self.table.starts)))

    def merge(self, mapping: dict[str, object], node: int) -> None:
        """Replace the merge key of a mapping that ends here by the entries of what it names."""
        from orchestrator.manifest.syntax.yaml_merge import NotAMappingError, merge  # late: few manifests have one

        table, value = self.table, self.merging.pop(node)
        try:
            merge(mapping)
        except NotAMappingError as error:
            place = value if error.item is None else dict(table.children(value)).get(error.item, value)
            span = self.lines.span(table.starts[place], table.ends[place])
            raise ReadError(Diagnostic("PX124", error.message, span, help=error.hint)) from None
        table.merges[node] = value

    def check_start(self, event: Any, depth: int, *, is_key: bool) -> None:
        if is_key:
            self.refuse("PX105", "key is not text", event)
        if event.ctag is not None:
            self.refuse("PX105", "tags are not supported", event, "remove the tag")
        if depth >= MAX_DEPTH:
            self.refuse("PX103", f"lists and mappings are nested more than {MAX_DEPTH} levels deep", event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (None, 0, len(self.table.starts))

    def alias(self, event: Any, *, is_key: bool) -> object:
        if is_key:
            self.refuse("PX105", "an alias cannot be a key", event, "write the key itself")
        if event.anchor not in self.anchors:
            hint = f"define it above, with `&{event.anchor}`; or put it in quotes to make it text"
            self.refuse("PX102", f"unknown anchor `{event.anchor}`", event, hint)
        value, nodes, target = self.anchors[event.anchor]
        if nodes == 0:
            self.refuse("PX105", "alias inside the value that it repeats", event)
        self.repeated += nodes - 1
        self.table.aliases.append(len(self.table.starts))
        self.table.targets.append(target)
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
            self.refuse("PX105", "second document", event, "remove this `---`: a manifest is one document")
        if event.version not in (None, (1, 2)):
            self.refuse("PX105", "a manifest must be YAML 1.2", event, "remove the `%YAML` line")
