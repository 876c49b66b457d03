"""Which ranges of a source line are the value of a key that is named like a secret, and must not be shown.

The line may come from a manifest that does not parse, so this reads text, not data. If a text can be read in two ways,
it masks too much rather than too little. A mapping under such a key is masked by its own keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

Stretch = tuple[int, int]

_WORDS = frozenset({"auth", "credential", "key", "pass", "passphrase", "passwd", "password", "pwd", "secret", "token"})
_ENDINGS = ("apikey", "passphrase", "passwd", "password", "secret", "token")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Nested loops without backtracking: a repeated alternative would store each of the megabytes that a line may have.
_NAME = r"""(?:"(?P<double>[^"\\]*(?:\\.[^"\\]*)*)"|'(?P<single>[^']*(?:''[^']*)*)'|(?P<plain>[\w.-]+))"""
_KEY = re.compile(rf"(?:^|(?<=[\s{{\[,:])){_NAME}\s*:(?=[\s\"'\[{{]|$)\s*")
_ENTRY = re.compile(rf"^\s*(?:-\s+)*{_NAME}\s*:(?=[\s\"'\[{{]|$)\s*(?P<rest>.*)$")
_DOUBLE_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("|$)')
_SINGLE_QUOTED = re.compile(r"'[^']*(?:''[^']*)*('|$)")
_FLOW_SCALAR = re.compile(r"[^,\]}]*")
_ITEM = re.compile(r"^\s*(?:-\s+)*")
_PARENT_LINES = 10_000


@lru_cache(maxsize=1024)  # a manifest has few different keys and may have a million of each
def is_secret_name(name: str) -> bool:
    """Whether a key of this name holds a secret: `API_KEY`, `dbPassword`, `github-token`; not `secrets` or `keep`."""
    if name == "secrets":  # the manifest's own key, which holds names
        return False
    parts = [part.lower().removesuffix("s") for part in _PARTS.findall(name)]
    return any(part in _WORDS or part.endswith(_ENDINGS) or f"{part}s" in _WORDS for part in parts)


def masked(lines: Sequence[str], index: int) -> list[Stretch]:
    """The ranges (start, end in code points) of `lines[index]` that must not be shown, in order."""
    line = lines[index]
    parent = _secret_parent(lines, index)
    body = _ITEM.match(line)
    start = body.end() if body else 0
    entry = _ENTRY.match(line)
    if parent == "text" or (parent == "mapping" and entry is None):
        return [(start, len(line))] if start < len(line) else []
    return list(_values(line, all_defaults=parent == "mapping"))


def _values(line: str, *, all_defaults: bool) -> Iterator[Stretch]:
    """The values of the secret keys in the line itself; with `all_defaults` also those of `default`."""
    position, mapping_end = 0, len(line) if all_defaults else 0
    while found := _KEY.search(line, position):
        name, position = _name(found), found.end()
        secret = is_secret_name(name) or (found.start() < mapping_end and name in ("default", "value"))
        if not secret or position == len(line) or line[position] in "#|>":
            continue
        if line[position] == "{":
            mapping_end = max(mapping_end, _flow_end(line, position))
            continue
        first_on_line = not line[: found.start()].strip(" \t-")
        end = _value_end(line, position, flow=not first_on_line)
        if end > position:
            yield position, end
        position = max(end, position)


def _value_end(line: str, start: int, *, flow: bool) -> int:
    if line[start] in "\"'":
        quoted = (_DOUBLE_QUOTED if line[start] == '"' else _SINGLE_QUOTED).match(line, start)
        return quoted.end() if quoted else len(line)
    if line[start] == "[":
        return _flow_end(line, start)
    if flow:
        scalar = _FLOW_SCALAR.match(line, start)
        return start + len(scalar.group().rstrip()) if scalar else start
    return len(line.rstrip())


def _flow_end(line: str, start: int) -> int:
    """Just behind the bracket that closes the one at `start`, or the line's end."""
    depth = 0
    position = start
    while position < len(line):
        character = line[position]
        if character in "\"'":
            position = _value_end(line, position, flow=True)
            continue
        depth += (character in "[{") - (character in "]}")
        position += 1
        if depth == 0:
            break
    return position


def _secret_parent(lines: Sequence[str], index: int) -> str | None:
    """What the line is to a secret key above it: part of its "text", an entry of its "mapping", or neither."""
    child = lines[index]
    nearest = True
    for number in range(index - 1, max(-1, index - _PARENT_LINES), -1):
        line = lines[number]
        if not line.strip() or not _is_above(line, child):
            continue
        child = line
        entry = _ENTRY.match(line)
        if entry and is_secret_name(_name(entry)):
            opens_mapping = not entry["rest"] or entry["rest"][0] in "#{&!"
            if not opens_mapping:
                return "text"
            if nearest:
                return "mapping"
        if entry or not _is_item(line):
            nearest = False
        if not _indentation(line) and not _is_item(line):
            break
    return None


def _is_above(line: str, child: str) -> bool:
    """Whether `child` is nested under `line`; the items of a list may have the indentation of their key."""
    indentation, deeper = _indentation(line), _indentation(child)
    return indentation < deeper or (indentation == deeper and _is_item(child) and not _is_item(line))


def _is_item(line: str) -> bool:
    return line.lstrip().startswith("- ")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _name(found: re.Match[str]) -> str:
    return found["double"] or found["single"] or found["plain"] or ""
