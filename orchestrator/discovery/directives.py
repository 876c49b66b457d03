"""`# Depends on: a, b` and `# Requires: c`: the names in one line, with their columns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.diagnostics.model import Span

_DIRECTIVE = re.compile(r"[ \t]*#+[ \t]*(?:depends[ \t]+on|requires)[ \t]*:(?P<names>.*)", re.IGNORECASE)
_CLOSING = re.compile(r"[ \t]#+[ \t]*$")  # as in the Markdown heading `# Requires: a #`
_NAME = re.compile(r"[^\s,]+")
_QUOTES = "`'\""


class Directive(Struct, frozen=True):
    """One name in a directive, as written."""

    name: str
    span: Span


def directives(line: str, file: str, number: int, column: int = 1) -> Iterator[Directive]:
    """The names in the line, which starts at `column` of line `number`; none if it is not a directive."""
    found = _DIRECTIVE.fullmatch(line)
    if found is None:
        return
    start = found.start("names")
    for word in _NAME.finditer(_CLOSING.sub("", line[start:])):
        name = word.group().strip(_QUOTES)
        if name:
            at = start + word.start() + word.group().index(name)
            yield Directive(name, Span(file, number, column + at, len(name)))
