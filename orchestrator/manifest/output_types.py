"""The types of output values, and the text that stands for a value: what the journal holds and templates insert.

Text is itself. A number keeps its spelling, a boolean is `true` or `false`, and JSON is what it was written as.
"""

from __future__ import annotations

import json
import re
from typing import Final, Literal, NoReturn

OutputType = Literal["text", "number", "boolean", "json"]

OUTPUT_TYPES: Final[tuple[OutputType, ...]] = ("text", "number", "boolean", "json")
EXPECTED: Final = {
    "text": "text",
    "number": "a number, as JSON writes it",
    "boolean": "`true` or `false`",
    "json": "JSON",
}

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)


def is_of_type(text: str, kind: OutputType) -> bool:
    """Whether this text is a value of the type."""
    match kind:
        case "number":
            return _NUMBER.fullmatch(text) is not None
        case "boolean":
            return text in ("true", "false")
        case "json":
            return _is_json(text)
    return True


def has_type(value: object, kind: OutputType) -> bool:
    """Whether data of a manifest is a value of the type."""
    if kind == "number":
        return type(value) in (int, float)
    return kind == "json" or type(value) is (str if kind == "text" else bool)


def text_of(value: object) -> str:
    """The text of data of a manifest."""
    return value if isinstance(value, str) else json_of(value)


def json_of(value: object) -> str:
    """Data as JSON, in one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _is_json(text: str) -> bool:
    try:
        # Numbers are not converted: they may have any number of digits.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
