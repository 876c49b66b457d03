"""One line of a source file with marks under it, as rustc shows it; the text may be hostile, long or secret."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import accumulate

from msgspec import Struct

from orchestrator.console.text import cell
from orchestrator.diagnostics.mask import Stretch, masked

WIDTH = 120  # columns of source shown at most
LEFT = 40  # columns kept before a mark when a long line is cut
_NEAR = 4 * WIDTH  # code points looked at around a mark; a manifest may be one line of megabytes
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_MASK = "***"
_TAB = "    "


class Mark(Struct, frozen=True):
    """A range of a line to underline; `start` counts code points from 0, `length` may be 0 at the end of a line."""

    start: int
    length: int
    sign: str
    label: str = ""


class SnippetRow(Struct, frozen=True):
    """The shown text of a line, or, with a `mark`, the blanks and signs that underline it."""

    text: str
    mark: Mark | None = None


class SourceText:
    """The text of one file, split into lines on first use."""

    def __init__(self, text: str) -> None:
        self._lines = _LINE_BREAK.split(text)
        self._masks: dict[int, list[Stretch]] = {}

    def rows(self, number: int, marks: list[Mark]) -> list[SnippetRow]:
        """Line `number` (from 1) and its marks. A long line is shown once for each mark, cut around it."""
        line = self._lines[number - 1] if number <= len(self._lines) else ""
        if len(line) <= _NEAR:
            cells = self._cells(number, line, 0, len(line))
            if sum(width for _, width in cells) <= WIDTH:
                return [_shown(cells, 0, len(cells)), *(_underlined(cells, 0, len(cells), mark) for mark in marks)]
        rows: list[SnippetRow] = []
        for mark in marks:
            low, high = max(0, mark.start - _NEAR // 2), min(len(line), mark.start + _NEAR)
            cells = self._cells(number, line, low, high)
            near = Mark(min(mark.start, len(line)) - low, mark.length, mark.sign, mark.label)
            left, right = _window(cells, near.start, cut_left=low > 0)
            dots_left, dots_right = low + left > 0, low + right < len(line)
            shown = _shown(cells, left, right)
            rows.append(SnippetRow("..." * dots_left + shown.text + "..." * dots_right))
            under = _underlined(cells, left, right, near)
            rows.append(SnippetRow("   " * dots_left + under.text, under.mark))
        return rows

    def _cells(self, number: int, line: str, low: int, high: int) -> list[tuple[str, int]]:
        """What each code point of `line[low:high]` is shown as; a masked stretch is shown at its first one."""
        cells = [_source_cell(character) for character in line[low:high]]
        if number not in self._masks:
            self._masks[number] = masked(self._lines, number - 1) if number <= len(self._lines) else []
        for start, end in self._masks[number]:
            start, end = max(start, low) - low, min(end, high) - low
            if start < end:
                cells[start:end] = [(_MASK, len(_MASK)), *[("", 0)] * (end - start - 1)]
        return cells


def _source_cell(character: str) -> tuple[str, int]:
    """As `cell`; but a tab is blanks, since it lays out the line."""
    return (_TAB, len(_TAB)) if character == "\t" else cell(character)


def _window(cells: list[tuple[str, int]], start: int, *, cut_left: bool) -> tuple[int, int]:
    """The first and the end index of the cells to show, so that the mark at `start` is among them."""
    columns = _columns(cells)
    left = 0
    if cut_left or columns[start] > LEFT:
        left = bisect_left(columns, columns[start] - LEFT)
    right = bisect_right(columns, columns[left] + WIDTH) - 1
    return left, right


def _shown(cells: list[tuple[str, int]], left: int, right: int) -> SnippetRow:
    return SnippetRow("".join(text for text, _ in cells[left:right]))


def _underlined(cells: list[tuple[str, int]], left: int, right: int, mark: Mark) -> SnippetRow:
    columns = _columns(cells)
    start = min(mark.start, len(cells))
    end = min(start + mark.length, right)
    while left < start < len(cells) and cells[start][1] == 0:
        start -= 1  # a combining character, or the inside of a mask: it has the column of what it belongs to
    blanks = columns[start] - columns[left]
    signs = max(1, columns[max(end, start)] - columns[start])
    return SnippetRow(" " * blanks + mark.sign * signs, mark)


def _columns(cells: list[tuple[str, int]]) -> list[int]:
    """The column at which each cell begins, and finally the column after the last one."""
    return list(accumulate((width for _, width in cells), initial=0))
