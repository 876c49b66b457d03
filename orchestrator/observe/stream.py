"""A text stream whose reader may go away: `pexec apply | head` loses its output, never the run."""

from __future__ import annotations

import os
import threading
from typing import Protocol, TextIO

from orchestrator.console.sanitize import defused


class TextSink(Protocol):
    """Something that whole lines of text can be written to."""

    def write(self, text: str) -> None:
        """Write and flush `text`, which ends in a newline."""


class LossyStream:
    """Writes whole lines, from any thread. After an error (the reader has gone, the disk is full) it writes nothing.

    With `github`, no line is a command to a CI runner."""

    def __init__(self, stream: TextIO, *, github: bool = False) -> None:
        self._stream = stream
        self._github = github
        self._lock = threading.Lock()
        self.gone = False

    def write(self, text: str) -> None:
        """Write and flush `text`, which ends in a newline."""
        with self._lock:
            if self.gone:
                return
            try:
                self._stream.write(defused(text) if self._github else text)
                self._stream.flush()
            except (OSError, ValueError):
                self._give_up()

    def _give_up(self) -> None:
        """Point the descriptor at the null device, or the interpreter reports an error when it exits."""
        self.gone = True
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):
            return
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
