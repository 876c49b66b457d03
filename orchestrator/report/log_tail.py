"""The end of a log as text: a bounded number of whole lines, without anything that could drive a terminal."""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.console.sanitize import final_text, safe_line

MOST_BYTES = 64 * 1024
MOST_LINES = 200

_CONTINUATIONS = bytes(range(0x80, 0xC0))  # bytes of UTF-8 that do not begin a character


class LogTail(NamedTuple):
    """The last lines of a log, and how many bytes of it come before them."""

    text: str
    omitted: int


def log_tail(data: bytes, size: int, *, github: bool) -> LogTail:
    """The tail of a log of `size` bytes, of which `data` are the last ones; at most `MOST_LINES` lines of it.

    A first line that is incomplete is dropped, unless it is the only one. Of a line that overwrites itself with
    carriage returns (a progress bar), what it shows in the end is kept. `github`: no line is a command to GitHub's
    runner.
    """
    if len(data) < size:
        newline = data.find(b"\n")
        if 0 <= newline < len(data) - 1:
            data = data[newline + 1 :]
        else:
            data = data[:3].lstrip(_CONTINUATIONS) + data[3:]
    lines = data.removesuffix(b"\n").split(b"\n")
    kept = lines[-MOST_LINES:]
    dropped = sum(len(line) + 1 for line in lines[:-MOST_LINES])
    text = "\n".join(safe_line(final_text(line), colour=False, github=github) for line in kept)
    return LogTail(text, size - len(data) + dropped)
