"""A text stream that may go away: `pexec apply | head` gives up the screen, never the run."""

from __future__ import annotations

import os
import threading
from typing import Protocol, TextIO

from orchestrator.console.sanitize import defused


class Lines(Protocol):
    """Where whole lines of text can be written."""

    def write(self, text: str) -> None:
        """Write and flush `text`, which ends in a newline."""


class LossyStream:
    """Writes whole lines from any thread. After the reader has gone, or the disk below is full, it writes nothing.

    With `github`, no line is a command to the runner of a CI."""

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
        """Point the descriptor at the null device, or the interpreter complains of it when it exits."""
        self.gone = True
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):
            return
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
