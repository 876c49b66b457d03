"""Plain text between braces or brackets as YAML 1.2 has it: `{url: http://host?a}`, `{at: 1:30}`, `[what?]`.

The C parser stops at such a `:` or `?`. They stand in the inside of text, where no parser gives them a meaning, so a
second try is made with other characters in their places, and they are put back into what it reads: one for one, so
that every place in the text stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined]
from ruamel.yaml.events import ScalarEvent

# What the parser says when it has stumbled over one of them.
STUMBLES = {"found unexpected ':'", "did not find expected ',' or '}'", "did not find expected ',' or ']'"}

# A `:` behind quotes or a bracket ends a key (`{"a":1}`), and so does one before a space or a bracket.
_INNER_COLON = re.compile(r"""(?<=[^\s"'\[\]{},]):(?=[^\s,\[\]{}])""")
_INNER_MARK = re.compile(r"""(?<=[^\s"'\[\]{},])\?""")
_PRIVATE = range(0xE000, 0xE010)  # no more: each is looked for in the whole text


def second_try(text: str) -> Callable[[], Any] | None:
    """What gives the events of `text`, read this way, one by one; None if nothing in it can be read otherwise."""
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
