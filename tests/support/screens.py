"""What a terminal shows after something was written to it, by a terminal emulator."""

from __future__ import annotations

import re

import pyte

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class EmulatedScreen:
    """A terminal of a certain size. `lines` are those it shows, without blanks at their ends."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self._screen = pyte.HistoryScreen(width, height, history=10_000, ratio=0.5)
        self._stream = pyte.Stream(self._screen)

    def feed(self, text: str) -> None:
        """A program has written this; a newline also returns, as terminals are set up."""
        self._stream.feed(re.sub("\r?\n", "\r\n", text))

    def resize(self, width: int, height: int) -> None:
        """The user has resized it. What does not fit is cut off; a real terminal may wrap it instead."""
        self._screen.resize(height, width)

    @property
    def lines(self) -> list[str]:
        shown = [line.rstrip() for line in self._screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def all_lines(self) -> list[str]:
        """Those that have scrolled away, and `lines`."""
        gone = ["".join(row[place].data for place in range(self._screen.columns)) for row in self._screen.history.top]
        return [line.rstrip() for line in gone] + self.lines

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and line, from 0."""
        return self._screen.cursor.x, self._screen.cursor.y

    @property
    def is_ordinary(self) -> bool:
        """Whether the cursor is visible and the modes are those that a terminal starts with."""
        return not self._screen.cursor.hidden and self._screen.mode == pyte.Screen(80, 24).mode

    def colour_of(self, text: str) -> str:
        """The colour in which this text is shown; it must be there once."""
        ((row, place),) = [(row, line.index(text)) for row, line in enumerate(self._screen.display) if text in line]
        return str(self._screen.buffer[row][place].fg)


def without_colours(text: str) -> str:
    """The text without SGR sequences."""
    return _COLOUR.sub("", text)
