"""Types into real shells, as somebody at a terminal does, and sees what they make of a tab."""

from __future__ import annotations

import os
import pty
import select
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PROMPT = "READY> "
LIMIT = 60.0


class Shell:
    """An interactive shell on a terminal of its own, in `folder`. In it, `pexec` writes its arguments to a file."""

    def __init__(self, argv: Sequence[str], folder: Path, set_up: str) -> None:
        self._said = folder / "said"
        self._output = ""
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "LANG": "C.UTF-8"}
        stub = f"pexec() {{ printf '%s\\n' \"$@\" > {self._said}.new; mv {self._said}.new {self._said}; }}"
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], list(argv), environment)
        # The prompt is put together by the shell, so that the echo of this line is not taken for it.
        self._type(f"{set_up}\n{stub}\nPS1={shlex.quote(PROMPT[:3])}{shlex.quote(PROMPT[3:])}\n")
        self._read_until(lambda: PROMPT in self._output)

    def words(self, typed: str) -> list[str]:
        """The arguments that pexec is given when `typed` is typed behind it and the line is ended."""
        self._said.unlink(missing_ok=True)
        self._type(f"pexec {typed}\n")
        self._read_until(self._said.exists)
        return self._said.read_text().splitlines()

    def close(self) -> None:
        """End the shell."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read_until(self, happened: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + LIMIT
        while not happened():
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"the shell went on with {self._output[-2000:]!r}")
            if select.select([self._terminal], [], [], 0.02)[0]:
                self._output += os.read(self._terminal, 65536).decode("utf-8", "replace")
