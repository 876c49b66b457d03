"""Plain text between braces or brackets as in YAML 1.2: `{url: http://host?a}`, `{at: 1:30}`, `[what?]`.

The C parser implements YAML 1.1 and stops at such a `:` or `?`. Inside plain text they have no meaning, so a second
attempt replaces each with a private character and puts it back into the values: one for one, so that no position
changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]
from ruamel.yaml.events import ScalarEvent

# The parser's message when it stops at one of them.
STUMBLES = {"found unexpected ':'", "did not find expected ',' or '}'", "did not find expected ',' or ']'"}

# A `:` after quotes or a bracket ends a key (`{"a":1}`), and so does one before a space or a bracket.
_INNER_COLON = re.compile(r"""(?<=[^\s"'\[\]{},]):(?=[^\s,\[\]{}])""")
_INNER_MARK = re.compile(r"""(?<=[^\s"'\[\]{},])\?""")
_PRIVATE = range(0xE000, 0xE010)  # few: each is searched for in the whole text


def second_try(text: str) -> Callable[[], Any] | None:
    """A function that returns the next event of `text`, read this way; None if there is nothing to replace."""
    unused = (chr(code) for code in _PRIVATE if chr(code) not in text)
    colon, mark = next(unused, None), next(unused, None)
    if colon is None or mark is None:
        return None
    disguised = _INNER_MARK.sub(mark, _INNER_COLON.sub(colon, text))
    if disguised == text:
        return None
    next_event = CParser(disguised).get_event

    def event() -> Any:
        found = next_event()
        if type(found) is ScalarEvent and (colon in found.value or mark in found.value):
            found.value = found.value.replace(colon, ":").replace(mark, "?")
        return found

    return event
