"""Bytes to text, and indices of text to lines and columns."""

from __future__ import annotations

import re
from bisect import bisect_right

from orchestrator.diagnostics.model import Diagnostic, Span

# What the YAML parser treats as a line break; the snippets under messages do the same.
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class ReadError(Exception):
    """Reading stops here; the diagnostic has the reason."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Lines:
    """Spans of one text, by index in code points. Lines are located when the first span is requested."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._starts: list[int] = []

    def span(self, start: int, end: int) -> Span:
        """The span from `start` to `end`, or to the end of its first line; at least one column wide."""
        if not self._starts:
            self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(self.text))]
        line = bisect_right(self._starts, start)
        line_start = self._starts[line - 1]
        line_end = self._starts[line] if line < len(self._starts) else len(self.text)
        shown = self.text[start : min(end, line_end)].rstrip()
        return Span(self.file, line, start - line_start + 1, max(1, len(shown)))


def decode(data: bytes, file: str) -> str:
    """The text without a byte order mark. Raises ReadError (PX101) for anything but UTF-8, and for NUL."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ReadError(Diagnostic("PX101", "the manifest is UTF-16 text", Span(file, 1, 1), help="save it as UTF-8"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        before = data[: fault.start].decode("utf-8").removeprefix("\ufeff")
        at = Lines(file, before + " ").span(len(before), len(before) + 1)
        raise ReadError(Diagnostic("PX101", "the manifest is not UTF-8 text", at, help="save it as UTF-8")) from None
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        nul = text.index("\0")
        raise ReadError(
            Diagnostic("PX101", "the manifest contains a NUL character", Lines(file, text).span(nul, nul + 1))
        )
    return text
