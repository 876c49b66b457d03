"""The last lines of a log, each of limited length, and how long it is if it was cut. Pure: the caller reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from orchestrator.console.sanitize import final_text, safe_line
from orchestrator.console.text import size as size_text

MOST_OF_A_LINE = 4 * 1024  # bytes
MOST_SEARCHED = 16 * 1024 * 1024  # bytes from the end in which the beginnings of lines are looked for
_BLOCK = 64 * 1024
_CONTINUATIONS = bytes(range(0x80, 0xC0))  # bytes of UTF-8 that do not begin a character

Read = Callable[[int, int], bytes]  # (offset, number of bytes) -> these bytes of the log


class LastLines(NamedTuple):
    """The lines, as text that cannot drive a terminal; `is_whole` if nothing of the log comes before them."""

    lines: Sequence[str]
    is_whole: bool


def last_lines(read: Read, size: int, most: int, *, github: bool = False) -> LastLines:
    """The last `most` lines of a log of `size` bytes. `github`: no line is a command to a CI runner.

    Blank lines at the end are left out. Of a line that overwrites itself with carriage returns, what it shows in the
    end is taken.
    """
    begins, ends, is_complete = _bounds(read, size, most)
    lines = []
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        data, cut = _shown(read, begin, end)
        if number == 0 and not is_complete:
            cut = f"… (line of at least {size_text(end - begin)})"
        lines.append(safe_line(data, colour=False, github=github) + cut)
    return LastLines(lines, not begins or begins[0] == 0)


def _shown(read: Read, begin: int, end: int) -> tuple[bytes, str]:
    """What a line shows, and the text about what was cut off."""
    if end - begin <= MOST_OF_A_LINE:
        return final_text(read(begin, end - begin)), ""
    last = read(end - MOST_OF_A_LINE, MOST_OF_A_LINE)
    if b"\r" in last.rstrip(b"\r"):
        return final_text(last), ""
    return _whole_characters(read(begin, MOST_OF_A_LINE)), f"… (line of {size_text(end - begin)})"


def _bounds(read: Read, size: int, most: int) -> tuple[list[int], list[int], bool]:
    """Where the last lines begin, where they end, and whether the beginning of the first one was found."""
    end = _end(read, size)
    if end == 0:
        return [], [], True
    newlines: list[int] = []  # the last one first
    at = end
    while at > 0 and end - at < MOST_SEARCHED and len(newlines) < most:
        block = read(max(0, at - _BLOCK), min(at, _BLOCK))
        at = max(0, at - _BLOCK)
        found = len(block)
        while len(newlines) < most and (found := block.rfind(b"\n", 0, found)) >= 0:
            newlines.append(at + found)
    is_complete = len(newlines) == most or at == 0
    begins = [newline + 1 for newline in reversed(newlines)]
    if len(newlines) < most:
        return [at, *begins], [*reversed(newlines), end], is_complete
    return begins, [*reversed(newlines[:-1]), end], is_complete


def _end(read: Read, size: int) -> int:
    """The end of the last line that is not blank; 0 if there is none in the last block."""
    begin = max(0, size - _BLOCK)
    text = read(begin, size - begin).rstrip(b"\r\n \t")
    return begin + len(text) if text else 0


def _whole_characters(data: bytes) -> bytes:
    """`data` without the bytes at its end of a character that was cut."""
    tail = data[-3:]
    for back in range(1, len(tail) + 1):
        byte = tail[-back]
        if byte not in _CONTINUATIONS:
            needed = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if needed > back else data
    return data
