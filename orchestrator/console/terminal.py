"""What a terminal says about itself: its size, and whether this process may draw on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple, TextIO


def shown_encoding(stream: TextIO, environ: Mapping[str, str]) -> str | None:
    """What readers of this stream can see; None for an object of a program without an encoding.

    Python writes UTF-8 also where the user asked for the locale C or POSIX: there only ASCII is shown. Where no locale
    is set, as in many containers and CI services, what is written decides.
    """
    wanted = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG")
    return "ascii" if wanted in ("C", "POSIX") else getattr(stream, "encoding", None)


class TerminalSize(NamedTuple):
    """Columns and lines."""

    width: int
    height: int


_USUAL = TerminalSize(80, 24)


class Terminal:
    """The terminal behind a stream."""

    def __init__(self, stream: TextIO) -> None:
        self.encoding = shown_encoding(stream, os.environ) or "utf-8"
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
