"""Values of plain YAML scalars by the YAML 1.2 core schema: `on`, `yes`, `1:30` and `2024-01-01` are text."""

from __future__ import annotations

import re

YamlScalar = str | int | float | bool | None

_WORDS: dict[str, YamlScalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
# Python converts up to 4,300 decimal digits; a longer number becomes infinity, which no key accepts.
_INTEGER = re.compile(r"[-+]?[0-9]{1,4000}")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

# A scalar that starts with any other character is text.
SUSPECT_FIRST = frozenset("0123456789+-.~nNtTfF")


def resolve(text: str) -> YamlScalar:
    """The value of a plain scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text):
        return float(text)
    if _BASED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text
