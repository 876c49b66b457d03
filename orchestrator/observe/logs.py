"""Reading the log of an attempt: byte for byte, or as lines that are safe for a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator

from orchestrator.console.sanitize import final_text, safe_line
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed

CHUNK = 1 << 16
MAX_LINE = CHUNK


class LogReader:
    """Reads a log from its beginning; iterating again continues with what was added. A missing log is empty.

    Raises EnvironmentFailedError if the log cannot be read.
    """

    def __init__(self, rundir: RunDir, name: str) -> None:
        self._rundir = rundir
        self._name = name
        self._descriptor: int | None = None

    def __iter__(self) -> Iterator[bytes]:
        """What was not read yet, in chunks."""
        try:
            if self._descriptor is None:
                self._descriptor = self._rundir.open_for_reading(self._name)
            while chunk := os.read(self._descriptor, CHUNK):
                yield chunk
        except FileNotFoundError:
            return
        except OSError as error:
            raise failed(f"`{self._rundir.path_of(self._name)}` cannot be read", error) from error

    def skip(self) -> int:
        """Leave out what was not read yet; its size."""
        if self._descriptor is None:
            return 0
        before = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        return os.lseek(self._descriptor, 0, os.SEEK_END) - before

    def skip_to_last(self, lines: int) -> None:
        """Leave out everything before the last `lines` lines. An incomplete last line counts as one."""
        try:
            if self._descriptor is None:
                self._descriptor = self._rundir.open_for_reading(self._name)
            os.lseek(self._descriptor, _start_of_last(self._descriptor, lines), os.SEEK_SET)
        except FileNotFoundError:
            return
        except OSError as error:
            raise failed(f"`{self._rundir.path_of(self._name)}` cannot be read", error) from error

    def close(self) -> None:
        """Close the log."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _start_of_last(descriptor: int, lines: int) -> int:
    """The offset in a file at which its last `lines` lines begin. Reads it backwards, as far as is necessary."""
    at = end = os.lseek(descriptor, 0, os.SEEK_END)
    if lines == 0:
        return end
    while at > 0:
        size = min(CHUNK, at)
        at -= size
        chunk = os.pread(descriptor, size, at)
        if at + size == end and chunk.endswith(b"\n"):
            chunk = chunk[:-1]  # the newline of the last line does not begin another one
        newlines = chunk.count(b"\n")
        if newlines >= lines:
            place = len(chunk)
            for _ in range(lines):
                place = chunk.rindex(b"\n", 0, place)
            return at + place + 1
        lines -= newlines
    return 0


def split_lines(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole lines of `data` without their newlines, and the rest. A rest of more than 64 KiB is cut into lines."""
    *lines, rest = data.split(b"\n")
    while len(rest) > MAX_LINE:
        lines.append(rest[:MAX_LINE])
        rest = rest[MAX_LINE:]
    return lines, rest


class SafeLines:
    """Chunks -> text in whole lines that cannot control a terminal or a CI runner. A line that does not end comes in
    pieces of 64 KiB, and of one with carriage returns comes what follows the last of them."""

    def __init__(self, *, colour: bool, github: bool) -> None:
        self._colour = colour
        self._github = github
        self._rest = b""

    def feed(self, chunk: bytes) -> str:
        """The lines that `chunk` completes."""
        lines, self._rest = split_lines(self._rest + chunk)
        return "".join(map(self._safe, lines))

    def finish(self) -> str:
        """The rest of a last line that has no newline."""
        rest, self._rest = self._rest, b""
        return self._safe(rest) if rest else ""

    def _safe(self, line: bytes) -> str:
        return safe_line(final_text(line), colour=self._colour, github=self._github) + "\n"
