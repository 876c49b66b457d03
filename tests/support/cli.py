"""Runs the real `pexec` in a directory of its own and compares its complete output.

    pexec.file("pexec.yaml", MANIFEST).run("validate").said(stdout="pexec.yaml: valid, 1 job in 1 level\\n")

The process has its own home directory and none of the caller's settings, so that no test touches files of the user.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from support.pythons import PROGRAM_FOR_ALL

PROGRAM = (sys.executable, "-m", "orchestrator")
# Variables that would change the outcome, or that are the user's own.
_NOT_INHERITED = ("PEXEC_", "XDG_", "GIT_", "LC_", "GITHUB_", "GITLAB_")
_SCREEN = ("NO_COLOR", "FORCE_COLOR", "TERM", "CI", "COLUMNS", "LINES", "LANG", "HOME")


@dataclass(frozen=True, slots=True)
class Said:
    """The exit code and the complete output of a pexec process."""

    exit_code: int
    stdout: str
    stderr: str

    def said(self, *, exit_code: int = 0, stdout: str = "", stderr: str = "") -> None:
        """Compare everything; what is not given must be empty, or 0."""
        expected = Said(exit_code, stdout, stderr)
        if self != expected:
            raise AssertionError(f"pexec said\n{self._shown()}\ninstead of\n{expected._shown()}")

    def _shown(self) -> str:
        return f"--- exit code {self.exit_code}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}---"


class Pexec:
    """A directory in which pexec runs, and the environment of its processes. Methods that prepare it return it."""

    def __init__(self, scratch: Path, identity: Mapping[str, Any] = MappingProxyType({})) -> None:
        """`identity` are options of Popen that set the user. Everything in the directory belongs to that user."""
        self.identity = identity
        self.program: tuple[str, ...] = PROGRAM_FOR_ALL if identity else PROGRAM
        self.folder = scratch / "project"
        self.home = scratch / "home"
        self._working = self.folder
        self._started: list[subprocess.Popen[bytes]] = []
        self.folder.mkdir()
        self.home.mkdir()
        (self.folder / ".git").mkdir()  # the root of a repository: pexec does not look above it
        self._give(self.folder / ".git", self.folder, self.home)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_NOT_INHERITED) and name not in _SCREEN
        }
        self.environ = {**inherited, "HOME": str(self.home), "LANG": "C.UTF-8", "TERM": "xterm"}

    def file(self, path: str, content: str | bytes) -> Pexec:
        """Write a file of the directory, and create its parents."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self._give(target, *(above for above in target.parents if above.is_relative_to(self.folder)))
        return self

    def _give(self, *paths: Path) -> None:
        for path in paths:
            if self.identity:
                os.chown(path, self.identity["user"], self.identity["group"])

    def config(self, content: str) -> Pexec:
        """Write the user's `~/.config/pexec/config.toml`."""
        target = self.home / ".config/pexec/config.toml"
        target.parent.mkdir(parents=True)
        target.write_text(content)
        return self

    def env(self, variables: Mapping[str, str] | None = None, /, **more: str) -> Pexec:
        """Set environment variables."""
        self.environ.update(variables or {}, **more)
        return self

    def inside(self, path: str) -> Pexec:
        """Run in this subdirectory from now on."""
        self._working = self.folder / path
        self._working.mkdir(parents=True, exist_ok=True)
        return self

    def run(self, *arguments: str | bytes, stdin: str | bytes = "", timeout: float = 120) -> Said:
        """Run `pexec ARGUMENTS` to its end."""
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run(
            [*self.program, *arguments],
            cwd=self._working,
            env=self.environ,
            input=given,
            capture_output=True,
            timeout=timeout,
            **self.identity,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start `pexec ARGUMENTS`; the caller waits for it."""
        return self.start_as([*self.program, *arguments], **options)

    def start_as(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start another command line, which runs pexec in turn; the caller waits for it."""
        process = subprocess.Popen(command, cwd=self._working, env=self.environ, **{**self.identity, **options})
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kill what a failed test started and did not wait for: it would disturb the next test."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
