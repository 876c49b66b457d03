"""The lines at the bottom of the terminal that are drawn again and again, and the text that scrolls away above them.

The cursor rests on the first of these lines, and no mode of the terminal is changed. So they are erased by clearing
from the cursor to the end of the screen, however a terminal that was resized has wrapped them. All for the console
thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.console.terminal import Terminal
from orchestrator.observe.stream import TextSink

_TO_FIRST_COLUMN = "\r"
_CLEAR_BELOW = "\x1b[J"  # from the cursor on
_CLEAR_REST = "\x1b[K"  # of a line
_MOST_KEPT = 1 << 18  # characters of text that wait for the next drawing


class LiveRegion:
    """Writes to `err`, whole drawings at a time."""

    def __init__(self, err: TextSink, terminal: Terminal) -> None:
        self._err = err
        self._terminal = terminal
        self._text: list[str] = []
        self._kept = 0
        self._lines: tuple[str, ...] = ()
        self._drawn: tuple[str, ...] = ()
        self._width = 0  # for which `_lines` were made
        self._is_paused = False

    def write(self, text: str) -> None:
        """Write whole lines above the region, with the next drawing."""
        self._text.append(text)
        self._kept += len(text)
        if self._kept >= _MOST_KEPT:
            self.draw()

    def prepare(self, lines: Sequence[str], width: int) -> None:
        """The lines to draw from now on. None of them is wider than `width`, and one column must stay free."""
        self._lines, self._width = tuple(lines), width

    def draw(self) -> None:
        """Write what was prepared."""
        if self._lines and self._terminal.size().width < self._width:
            self._lines = ()  # they would wrap; the next ones will fit
        lines = () if self._is_paused else self._lines
        text, self._text, self._kept = "".join(self._text), [], 0
        if text or lines != self._drawn:
            drawing = self._drawing(text, lines)
            self._drawn = lines  # first: an interrupt may come between the two, and to erase nothing does no harm
            self._err.write(drawing)

    def pause(self) -> None:
        """Erase the region until `resume`: a shell may write meanwhile."""
        self._is_paused = True
        self.draw()

    def resume(self) -> None:
        """What was drawn is gone."""
        self._is_paused = False
        self._drawn = ()

    def _drawing(self, text: str, lines: Sequence[str]) -> str:
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        if text or not lines:
            erased = _TO_FIRST_COLUMN + _CLEAR_BELOW if self._drawn else ""
            return erased + text + "\n".join(lines) + (up + _TO_FIRST_COLUMN if lines else "")
        # Over the old lines, so that nothing flickers.
        return _TO_FIRST_COLUMN + f"{_CLEAR_REST}\n".join(lines) + _CLEAR_BELOW + up + _TO_FIRST_COLUMN


class AboveRegion:
    """Takes text for above the region: to be written with the next drawing, or at once."""

    def __init__(self, region: LiveRegion, *, at_once: bool = False) -> None:
        self._region = region
        self._at_once = at_once

    def write(self, text: str) -> None:
        """Write whole lines."""
        self._region.write(text)
        if self._at_once:
            self._region.draw()
