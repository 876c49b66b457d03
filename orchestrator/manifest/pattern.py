"""Regular expressions and globs of manifests, matched in time that grows with the text and not with its powers.

Python's own engine tries all ways in which a pattern can match: `(a+)+b` on thirty letters takes minutes, and manifests
are read by people who did not write them. So this is the engine that pydantic brings. What it cannot do, which is to
look around and to refer back, is told as a fault of the pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_GLOB = 1_000
MAX_PATTERN = 16 * MAX_GLOB

_TOO_LARGE = "it is too large"
_WHY = re.compile(r"error: (.+)\s*\Z")


class PatternError(ValueError):
    """The text is no regular expression that can be matched; the message says why."""


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches. Raises PatternError."""
    return _compiled(pattern).isinstance_python(text)


def matches_glob(glob: str, text: str) -> bool:
    """Whether the whole text has this shape: `*` stands for any text, `?` for one character."""
    signs = {"*": "(?s:.*)", "?": "(?s:.)"}
    return matches("".join(signs.get(sign) or re.escape(sign) for sign in glob), text)


def fault_of(pattern: str) -> str:
    """What is wrong with a regular expression; empty if nothing is."""
    try:
        _compiled(pattern)
    except PatternError as fault:
        return str(fault)
    return ""


@lru_cache(maxsize=8)  # one may take 10 MB
def _compiled(pattern: str) -> SchemaValidator:
    if len(pattern) > MAX_PATTERN:
        raise PatternError(_TOO_LARGE)
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern))  # by itself: a lone `)` must not close our group
        return SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{pattern})\z", strict=True))
    except SchemaError as refused:
        why = _WHY.search(str(refused))
        raise PatternError(why[1] if why else _TOO_LARGE) from None
