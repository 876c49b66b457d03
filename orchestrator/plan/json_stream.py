"""Large data as JSON text, a few entries at a time: neither the data nor the text is ever in memory as a whole.

`plan.json` of 100,000 jobs is 100 MB as dictionaries and 40 MB as text, more than pexec needs for everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

_AT_ONCE = 100


class JsonArray(msgspec.Struct, frozen=True):
    """An array, written with one entry a line."""

    entries: Iterable[Any]


class JsonObject(msgspec.Struct, frozen=True):
    """An object, written with one member a line."""

    pairs: Iterable[tuple[str, Any]]


Field = tuple[str, Any]  # the name and the value of a member, which is plain data, `JsonArray` or `JsonObject`


def as_dict(fields: Iterable[Field]) -> dict[str, Any]:
    """The same as plain data."""
    return {name: _plain(value) for name, value in fields}


def as_json(fields: Iterable[Field]) -> Iterator[bytes]:
    """The same as the text of a file: one member, entry or small value a line."""
    yield b"{"
    before = b"\n  "
    for name, value in fields:
        yield before + _encode(name) + b": "
        yield from _value(value)
        before = b",\n  "
    yield b"\n}\n"


def _plain(value: Any) -> Any:
    if isinstance(value, JsonArray):
        return list(value.entries)
    return dict(value.pairs) if isinstance(value, JsonObject) else value


def _value(value: Any) -> Iterator[bytes]:
    if isinstance(value, JsonArray):
        yield from _lines(b"[", map(_encode, value.entries), b"]")
    elif isinstance(value, JsonObject):
        yield from _lines(b"{", (_encode(name) + b": " + _encode(entry) for name, entry in value.pairs), b"}")
    else:
        yield _encode(value)


def _lines(start: bytes, lines: Iterator[bytes], end: bytes) -> Iterator[bytes]:
    yield start
    before = b"\n    "
    while some := list(islice(lines, _AT_ONCE)):
        yield before + b",\n    ".join(some)
        before = b",\n    "
    yield end if before == b"\n    " else b"\n  " + end


def _encode(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        import json

        # A path that is not UTF-8 has lone surrogates; as escapes they can be read back.
        return json.dumps(value).encode()
