"""The log of an attempt, on its way to whoever reads it: byte for byte, or line by line made harmless for a screen."""

from __future__ import annotations

import os
from collections.abc import Iterator

from orchestrator.console.sanitize import safe_line
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed

CHUNK = 1 << 16
MAX_LINE = CHUNK


class LogReader:
    """Reads a log from its beginning, and goes on with what came since. A log that is not there (yet) is empty.

    Raises EnvironmentFailedError when the log cannot be read.
    """

    def __init__(self, rundir: RunDir, name: str) -> None:
        self._rundir = rundir
        self._name = name
        self._descriptor: int | None = None

    def __iter__(self) -> Iterator[bytes]:
        """What is there now and was not read yet, in chunks."""
        try:
            if self._descriptor is None:
                self._descriptor = self._rundir.open_for_reading(self._name)
            while chunk := os.read(self._descriptor, CHUNK):
                yield chunk
        except FileNotFoundError:
            return
        except OSError as error:
            raise failed(f"`{self._rundir.path_of(self._name)}` cannot be read", error) from error

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class SafeLines:
    """Chunks -> text in whole lines that cannot drive a terminal or a CI's runner; a line that does not end comes in
    pieces of 64 KiB."""

    def __init__(self, *, colour: bool, github: bool) -> None:
        self._colour = colour
        self._github = github
        self._rest = b""

    def feed(self, chunk: bytes) -> str:
        """The lines that `chunk` completes."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        while len(rest) > MAX_LINE:
            lines.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._rest = rest
        return "".join(map(self._safe, lines))

    def finish(self) -> str:
        """What is left of a last line without a newline."""
        rest, self._rest = self._rest, b""
        return self._safe(rest) if rest else ""

    def _safe(self, line: bytes) -> str:
        return safe_line(line, colour=self._colour, github=self._github) + "\n"
