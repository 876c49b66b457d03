"""What a job writes to `$PEXEC_OUTPUT_FILE`: one JSON object, or lines `name=value` and blocks. Pure.

    number=v1.2.3
    notes<<END
    any text,
    with line ends
    END

The last setting of a name counts. A line ends at LF, and one CR before it is dropped; empty lines mean nothing. The
line end before the word that closes a block is no part of its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

_NAME = r"[A-Za-z_][A-Za-z0-9_-]{0,99}"
_SETTING = re.compile(rf"({_NAME})(=|<<)(.*)", re.DOTALL)
_WHOLE_NAME = re.compile(_NAME)
_BLANK = " \t\r\n"
_LONGEST_QUOTED = 40
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class GrammarError(ValueError):
    """The text does not follow the grammar; the message says where and why."""


class Written(Struct, frozen=True):
    """A value as it was written: text, or with `is_json` a value of a JSON object."""

    text: str
    is_json: bool = False


def parse_outputs(data: bytes) -> dict[str, Written]:
    """The values by name, in the order of their first setting. Raises GrammarError."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise GrammarError("it is not UTF-8") from None
    if "\0" in text:
        raise GrammarError(f"line {text.count(chr(10), 0, text.index(chr(0))) + 1} has a null character")
    if text.lstrip(_BLANK).startswith("{"):
        return _of_object(text)
    return dict(_settings(text))


def _of_object(text: str) -> dict[str, Written]:
    try:
        values = _object.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise GrammarError("it begins with `{`, but is not one JSON object") from None
    for name in values:
        if not _WHOLE_NAME.fullmatch(name):
            raise GrammarError(f"`{_cut(name)}` is not a valid name of an output")
    return {name: Written(bytes(value).decode().strip(_BLANK), is_json=True) for name, value in values.items()}


def _settings(text: str) -> Iterator[tuple[str, Written]]:
    at, number = 0, 0
    while at < len(text):
        line, at = _line(text, at)
        number += 1
        found = _SETTING.fullmatch(line)
        if found is None:
            if line:
                raise GrammarError(f"line {number} is not `name=value`: `{_cut(line)}`")
            continue
        name, sign, value = found.groups()
        if sign == "=":
            yield name, Written(value)
            continue
        if not value:
            raise GrammarError(f"line {number} opens a block of `{name}` without a word that closes it")
        opened, start, end = number, at, at
        while True:
            if at >= len(text):
                raise GrammarError(f"the block of `{name}` that line {opened} opens is never closed by `{_cut(value)}`")
            end = at
            line, at = _line(text, at)
            number += 1
            if line == value:
                break
        yield name, Written(_without_line_end(text[start:end]))


def _line(text: str, at: int) -> tuple[str, int]:
    """The line that begins at `at`, without its end, and where the next one begins."""
    end = text.find("\n", at)
    if end < 0:
        return text[at:], len(text)
    return text[at : end - text.endswith("\r", at, end)], end + 1


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}..."
