"""A real pseudo-terminal: a program leads a session on it, the test types and reads.

with Terminal(pexec, *pexec.program, "apply") as terminal:
    terminal.type(CTRL_C)
    assert terminal.process.wait(60) == 130
"""

from __future__ import annotations

import codecs
import os
import pty
import termios
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from support.attempts import wait_until
from support.cli import Pexec
from support.pythons import PYTHON
from support.screens import EmulatedScreen

CTRL_C, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x1a", "\x1c"
_LEADER = Path(__file__).parent / "on_terminal.py"


class Terminal:
    """`process` is the leader of the session, `screen` all that was written to the terminal so far, and `shown` the
    lines that a terminal of this size shows."""

    def __init__(self, pexec: Pexec, *command: str, width: int = 80, height: int = 24) -> None:
        self._ours, self._theirs = pty.openpty()
        self._seen = bytearray()
        self._emulated = EmulatedScreen(width, height)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._fed = 0  # bytes that the emulated terminal has seen
        self.resize(width, height)
        self.modes_before = self.modes
        if pexec.identity:
            os.fchown(self._theirs, pexec.identity["user"], -1)
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), self._theirs)
        self.process = pexec.start_as([PYTHON, "-I", "-S", str(_LEADER), *command], **streams)
        # A thread reads all the time, since writers block while the terminal is full.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._theirs)
        self._reader.join(60)  # a process that a failed test has left behind keeps the terminal open
        os.close(self._ours)

    @property
    def screen(self) -> str:
        return self._seen.decode(errors="replace").replace("\r\n", "\n")

    @property
    def shown(self) -> list[str]:
        return self._up_to_date().lines

    def _up_to_date(self) -> EmulatedScreen:
        """The emulated terminal. It is slower than what writes to it, so it sees that only when it is looked at."""
        seen = bytes(self._seen[self._fed :])
        self._fed += len(seen)
        self._emulated.feed(self._decoder.decode(seen))
        return self._emulated

    @property
    def is_ordinary(self) -> bool:
        """Whether the cursor is visible, and no mode is changed by an escape sequence."""
        return self._up_to_date().is_ordinary

    def resize(self, width: int, height: int) -> None:
        """As a user does it with the mouse."""
        self._up_to_date().resize(width, height)
        termios.tcsetwinsize(self._theirs, (height, width))

    @property
    def modes(self) -> list[Any]:
        """The settings of the terminal, which a program must restore at its end."""
        return termios.tcgetattr(self._theirs)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str) -> None:
        """Wait until this is on the screen."""
        assert wait_until(lambda: text in self.screen), self.screen

    def _read(self) -> None:
        try:
            while chunk := os.read(self._ours, 4096):
                self._seen += chunk
        except OSError:  # the last process has closed the terminal
            return
