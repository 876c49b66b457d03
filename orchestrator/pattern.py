"""Regular expressions and globs of manifests, matched in time linear in the length of the text.

Python's own engine backtracks: `(a+)+b` on thirty letters takes minutes, and a manifest may be run by someone who did
not write it. So this is Rust's engine, which pydantic-core contains. What it does not support, look-around and
backreferences, is reported as an error in the pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

MAX_GLOB = 1_000
MAX_PATTERN = 16 * MAX_GLOB

_TOO_LARGE = "it is too large"
_WHY = re.compile(r"error: (.+)\s*\Z")


class PatternError(ValueError):
    """The text is not a supported regular expression; the message has the reason."""


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches. Raises PatternError."""
    return _compiled(pattern).isinstance_python(text)


def matches_glob(glob: str, text: str) -> bool:
    """Whether the whole text matches a glob: `*` matches any text, `?` one character."""
    signs = {"*": "(?s:.*)", "?": "(?s:.)"}
    return matches("".join(signs.get(sign) or re.escape(sign) for sign in glob), text)


def error_in(pattern: str) -> str:
    """What is wrong with a regular expression; empty if it is valid."""
    try:
        _compiled(pattern)
    except PatternError as error:
        return str(error)
    return ""


@lru_cache(maxsize=8)  # one may take 10 MB
def _compiled(pattern: str) -> SchemaValidator:
    from pydantic_core import SchemaError, SchemaValidator, core_schema  # late: 5 ms

    if len(pattern) > MAX_PATTERN:
        raise PatternError(_TOO_LARGE)
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern))  # by itself: a lone `)` must not close our group
        return SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{pattern})\z", strict=True))
    except SchemaError as refused:
        why = _WHY.search(str(refused))
        raise PatternError(why[1] if why else _TOO_LARGE) from None
