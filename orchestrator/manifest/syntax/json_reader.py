"""JSON text to plain data, and to a node table when a position is requested. Generated manifests may be large."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import chain
from typing import Any

import msgspec

from orchestrator.diagnostics.model import Diagnostic
from orchestrator.manifest.syntax.lines import Lines, ReadError
from orchestrator.manifest.syntax.parse_errors import explain_json
from orchestrator.manifest.syntax.position_index import MAX_DUPLICATES, NodeTable
from orchestrator.manifest.syntax.yaml_reader import MAX_DEPTH

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s{}\[\],:"]+')
_DOUBTFUL_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def read_json(lines: Lines) -> tuple[object, bool]:
    """The data, and whether an object has a duplicate key. Raises ReadError."""
    try:
        # A third of the time of the standard library, and it bounds the depth. What it refuses is invalid or unusual:
        # deep nesting, an infinite number, half of a surrogate pair.
        data = msgspec.json.decode(lines.text, type=_shallow(6))
    except (msgspec.DecodeError, UnicodeEncodeError):
        return read_patiently(lines)
    if _DOUBTFUL_ESCAPE.search(lines.text):
        scan(lines)
    # Of duplicate keys only one is in the data: encoded again it has fewer quotes.
    return data, _quotes(msgspec.json.encode(data).decode()) < _quotes(lines.text)


@cache
def _shallow(levels: int) -> Any:
    """The type of data with at most this many levels of lists and mappings."""
    found: Any = str | int | float | bool | None
    for _ in range(levels):
        found = str | int | float | bool | None | list[found] | dict[str, found]
    return found


def read_patiently(lines: Lines) -> tuple[object, bool]:
    """The same with the standard library, which reports where an error is."""
    duplicate = False

    def build(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal duplicate
        built = dict(pairs)
        duplicate = duplicate or len(built) < len(pairs)
        return built

    try:
        data = json.loads(lines.text, object_pairs_hook=build, parse_int=_integer)
    except json.JSONDecodeError as fault:
        span = lines.span(fault.pos, fault.pos + 1)
        raise ReadError(Diagnostic("PX106", explain_json(fault.msg), span)) from None
    except RecursionError:
        data = None
        scan(lines)
    if _deeper_than(MAX_DEPTH, data) or _DOUBTFUL_ESCAPE.search(lines.text):
        scan(lines)
    return data, duplicate


def scan(lines: Lines) -> NodeTable:
    """The positions of all nodes of a valid JSON text. Raises ReadError for text or depth that is not allowed."""
    table = NodeTable()
    stack: list[tuple[int, set[str] | None]] = []
    keys: set[str] | None = None  # those of the object that is open; None in a list
    expects_key = False
    for found in _TOKEN.finditer(lines.text):
        token = found.group()
        if token in "}]":
            node, keys = stack.pop()
            table.next_sibling[node] = len(table.starts)
            table.ends[node] = found.end()
            expects_key = True
            continue
        name = _checked_text(lines, found) if token[0] == '"' else None
        if keys is not None and expects_key and name is not None:
            if name in keys and len(table.duplicates) < MAX_DUPLICATES:
                table.duplicates.append((stack[-1][0], len(table.starts)))
            keys.add(name)
            expects_key = False
        else:
            name, expects_key = None, True
        if token in "{[":
            if len(stack) == MAX_DEPTH:
                message = f"lists and mappings are nested more than {MAX_DEPTH} levels deep"
                raise ReadError(Diagnostic("PX103", message, lines.span(found.start(), found.end())))
            stack.append((len(table.starts), keys))
            keys = set() if token == "{" else None
        table.add(found.start(), found.end(), name)
    return table


def _checked_text(lines: Lines, found: re.Match[str]) -> str:
    text: str = json.loads(found.group(), strict=False)
    if "\0" in text:
        message, hint = "text contains a NUL character", "programs and files cannot receive one"
    elif not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        message, hint = "text contains half of a surrogate pair, which is not a character", ""
    else:
        return text
    raise ReadError(Diagnostic("PX105", message, lines.span(found.start(), found.end()), help=hint))


def _integer(digits: str) -> int | float:
    """Python converts up to 4,300 digits; a longer number becomes infinity, which no key accepts."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _deeper_than(depth: int, data: object) -> bool:
    level = [data]
    for _ in range(depth):
        inner = chain.from_iterable(
            node.values() if isinstance(node, dict) else node for node in level if isinstance(node, dict | list)
        )
        level = [child for child in inner if type(child) is dict or type(child) is list]
        if not level:
            return False
    return True


def _quotes(text: str) -> int:
    """The number of quotes that delimit text in valid JSON, that is, all that are not escaped."""
    return text.count('"') - text.replace("\\\\", "").count('\\"')
