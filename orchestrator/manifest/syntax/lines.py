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
        row, column = self.place(start)
        line_end = self._starts[row + 1] if row + 1 < len(self._starts) else len(self.text)
        shown = self.text[start : min(end, line_end)].rstrip()
        return Span(self.file, row + 1, column + 1, max(1, len(shown)))

    def place(self, index: int) -> tuple[int, int]:
        """Line and column of an index, both from 0."""
        if not self._starts:
            self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(self.text))]
        row = bisect_right(self._starts, index) - 1
        return row, index - self._starts[row]

    def index(self, row: int) -> int:
        """Where a line begins, which is counted from 0."""
        self.place(0)
        return self._starts[row]

    def split(self) -> list[str]:
        """All lines, without their breaks."""
        return _LINE_BREAK.split(self.text)


def decode(data: bytes, file: str) -> str:
    """The text without a byte order mark. Raises ReadError (PX101) for anything but UTF-8, and for NUL."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ReadError(Diagnostic("PX101", "the manifest is UTF-16 text", Span(file, 1, 1), help="save it as UTF-8"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        at = Lines(file, before + " ").span(len(before), len(before) + 1)
        raise ReadError(Diagnostic("PX101", "the manifest is not UTF-8 text", at, help="save it as UTF-8")) from None
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        nul = text.index("\0")
        raise ReadError(
            Diagnostic("PX101", "the manifest contains a NUL character", Lines(file, text).span(nul, nul + 1))
        )
    return text
