"""Parts of logs, of which a browser is sent a bounded number of bytes at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.console.sanitize import final_text, safe_line
from orchestrator.journal.file_names import LOGS
from orchestrator.journal.rundir import RunDir

MOST_BYTES = 256 * 1024  # of one part
_CHUNK = 64 * 1024
_MOST_UNFINISHED = 4096  # bytes
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.log")


class LogPart(Struct, frozen=True):
    """Lines of a log, as text that shows control characters, from the byte `start` up to `end`, of `size`. `unfinished`
    is what follows so far of a line that is being written: a question, a progress bar."""

    text: str
    unfinished: str
    start: int
    end: int
    size: int


def log_path(name: str) -> str | None:
    """The name of a log in its run; None if no log can be called so."""
    return f"{LOGS}/{name}" if _NAME.fullmatch(name) else None


def read_log_part(run: RunDir, path: str, start: int | None, *, is_growing: bool) -> LogPart:
    """Whole lines from the byte `start`, by default the end of the log. While a log grows, its last line may be
    unfinished; it is apart. Raises OSError, and EnvironmentFailedError."""
    descriptor = run.open_for_reading(path)
    try:
        size = os.fstat(descriptor).st_size
        begin = max(0, size - MOST_BYTES) if start is None else min(max(start, 0), size)
        data = os.pread(descriptor, MOST_BYTES, begin)
        is_cut = start is None and begin > 0 and os.pread(descriptor, 1, begin - 1) != b"\n"
    finally:
        os.close(descriptor)
    end = begin + len(data)
    if is_cut and (newline := data.find(b"\n")) >= 0:
        begin, data = begin + newline + 1, data[newline + 1 :]
    last = data.rfind(b"\n") + 1
    unfinished = b""
    if end < size:
        if last:  # a line that is longer than a part is cut
            end, data = begin + last, data[:last]
    elif is_growing and len(data) - last < MOST_BYTES:
        end, data, unfinished = begin + last, data[:last], data[last:]
    return LogPart(_as_text(data), _as_text(unfinished[-_MOST_UNFINISHED:]), begin, end, size)


def chunks_of(descriptor: int) -> Iterator[bytes]:
    """The content of a log as it is now, byte for byte. Closes the descriptor."""
    try:
        left = os.fstat(descriptor).st_size
        offset = 0
        while left > 0 and (data := os.pread(descriptor, min(_CHUNK, left), offset)):
            offset, left = offset + len(data), left - len(data)
            yield data
    finally:
        os.close(descriptor)


def _as_text(data: bytes) -> str:
    if not data:
        return ""
    ends = data.endswith(b"\n")
    lines = data.removesuffix(b"\n").split(b"\n")
    return "\n".join(safe_line(final_text(line), colour=False) for line in lines) + ("\n" if ends else "")
