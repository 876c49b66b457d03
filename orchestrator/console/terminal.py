"""What a terminal says about itself: its size, and whether this process may draw on it."""

from __future__ import annotations

import os
from typing import NamedTuple, TextIO


class TerminalSize(NamedTuple):
    """Columns and lines."""

    width: int
    height: int


_USUAL = TerminalSize(80, 24)


class Terminal:
    """The terminal behind a stream."""

    def __init__(self, stream: TextIO) -> None:
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            self._descriptor = stream.fileno()
        except (OSError, ValueError, AttributeError):
            self._descriptor = -1  # a program that imports pexec has replaced the stream by an object of its own

    def size(self) -> TerminalSize:
        """As it is now; 80 columns and 24 lines where the terminal does not know."""
        try:
            size = os.get_terminal_size(self._descriptor)
        except (OSError, ValueError):
            return _USUAL
        return TerminalSize(size.columns or _USUAL.width, size.lines or _USUAL.height)

    def may_draw(self) -> bool:
        """Whether this process is in the foreground: not after `bg`. True for another terminal than its own."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except (OSError, ValueError):
            return True
