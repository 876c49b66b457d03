"""stdout and stderr of a run as its console threads write them: without losing anything to a slow reader.

A reader that has closed (`pexec apply | head`) wants no more, which is no loss. Everything else that keeps output from
its reader is: what was not taken is counted.
"""

from __future__ import annotations

import contextlib
import errno
import time
from typing import Protocol, TextIO

from orchestrator.console.descriptors import Outlet
from orchestrator.console.sanitize import defused

_POLL_SECONDS = 0.1  # after which a stream that was given up is noticed


class TextSink(Protocol):
    """Something that whole lines of text can be written to."""

    def write(self, text: str) -> None:
        """Write and flush `text`, which ends in a newline."""


class ConsoleStream:
    """Writes whole lines, in one thread, and waits until they are taken. Any thread may call `give_up`.

    `lost` counts bytes, and `why` is the reason, as the rest of a sentence; both are empty as long as nothing is lost.
    With `github`, no line is a command to a CI runner.
    """

    def __init__(self, stream: TextIO, *, github: bool = False) -> None:
        self.is_open = True
        self.is_waiting = False  # for its reader
        self.lost = 0
        self.why = ""
        self.taken_at = time.monotonic()
        self._stream = stream
        self._github = github
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
        try:
            self._outlet: Outlet | None = Outlet(stream.fileno())
        except (OSError, ValueError, AttributeError):
            self._outlet = None  # a program that imports pexec has replaced the stream by an object of its own

    def write(self, text: str) -> None:
        """Write `text`, which ends in a newline."""
        self.write_commands(defused(text) if self._github else text)

    def write_commands(self, text: str) -> None:
        """Write `text`, whose lines may be commands to a CI runner."""
        self.write_bytes(text.encode(self._encoding, "backslashreplace"))

    def write_bytes(self, data: bytes) -> None:
        """Write `data` as it is."""
        rest = memoryview(data)
        self.is_waiting = True
        while rest and self.is_open:
            try:
                taken = self._write_some(rest)
            except (OSError, ValueError) as error:
                self._fail(error)
            else:
                if taken:
                    self.taken_at = time.monotonic()
                    rest = rest[taken:]
        self.is_waiting = False
        self.skip(len(rest))

    def skip(self, count: int) -> None:
        """Leave out this number of bytes, since the stream is not open."""
        if self.why:
            self.lost += count

    def give_up(self, why: str) -> None:
        """Write no more: what comes now is lost."""
        if self.is_open:
            self.why = why
            self.is_open = False

    def close(self) -> None:
        """Free the descriptor; the stream itself stays open. Not while another thread writes."""
        if self._outlet is not None:
            self._outlet.close()

    def _write_some(self, data: memoryview) -> int:
        if self._outlet is not None:
            return self._outlet.write(data, _POLL_SECONDS)
        self._stream.write(bytes(data).decode(self._encoding, "replace"))
        self._stream.flush()
        return len(data)

    def _fail(self, error: OSError | ValueError) -> None:
        code = error.errno if isinstance(error, OSError) else None
        on_terminal = self._outlet is not None and self._outlet.is_terminal
        if isinstance(error, BrokenPipeError | ConnectionError) or (code == errno.EIO and on_terminal):
            self.is_open = False
        else:
            reason = error.strerror if isinstance(error, OSError) else None
            self.give_up(f"cannot be written: {(reason or str(error)).lower()}")
