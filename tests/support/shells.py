"""Types into real shells, as a user at a terminal does, and reads what they complete."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from support.pipes import is_readable

PROMPT = "READY> "
GIVEN = "pexec-was-given-words"
LIMIT = 60.0
PATH = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"  # where the program is


class Shell:
    """An interactive shell on a terminal of its own, in `folder`, where `pexec` writes its arguments to a file. Where a
    shell asks it for completions, it is the real one."""

    def __init__(self, argv: Sequence[str], folder: Path, set_up: str) -> None:
        self._said = folder / "said"
        self._output = ""
        environment = {"PATH": PATH, "HOME": str(folder), "TERM": "dumb", "LANG": "C.UTF-8"}
        asked = 'if [ -n "$_ARGCOMPLETE" ]; then command pexec "$@"; return; fi'
        stub = f"pexec() {{ {asked}; printf '%s\\n' \"$@\" > {self._said}; echo {GIVEN}; }}"
        self._terminal, theirs = os.openpty()
        # `setsid --ctty` makes the terminal the shell's own, as a fork of this process with its threads might not.
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *argv], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        # The prompt is put together by the shell, so that the echo of this line is not taken for it.
        self._type(f"{set_up}\n{stub}\nPS1={shlex.quote(PROMPT[:3])}{shlex.quote(PROMPT[3:])}\n")
        self._read_until(lambda: PROMPT in self._output)

    def words(self, typed: str) -> list[str]:
        """The arguments of pexec after `typed` and Enter were typed behind it."""
        self._output = ""
        self._type(f"pexec {typed}\n")
        # Before the prompt, the terminal reads keys and not the shell, so this waits for both.
        self._read_until(lambda: PROMPT in self._output.partition(GIVEN)[2])
        return self._said.read_text().splitlines()

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _read_until(self, happened: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + LIMIT
        while not happened():
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"the shell went on with {self._output[-2000:]!r}")
            if is_readable(self._terminal, 0.02):
                self._output += os.read(self._terminal, 65536).decode("utf-8", "replace")
