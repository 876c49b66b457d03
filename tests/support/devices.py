"""Detects a test that replaces a device or a standard link of the whole machine, such as `/dev/stdout`.

A program that runs as root and writes a file by rename onto `/dev/stdout` replaces the link for every process. Tests
that have nothing to do with it fail afterwards, so the test that did it has to be named at once.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

NAMES = ("fd", "full", "null", "ptmx", "random", "stderr", "stdin", "stdout", "tty", "urandom", "zero")


class DevicesReplacedError(AssertionError):
    """An entry of `/dev` is not what it was before a test."""


class DeviceGuard:
    """Remembers the entries of a directory; `check` raises if one was replaced, removed or added since."""

    def __init__(self, directory: Path = Path("/dev")) -> None:
        self._directory = directory
        self._before = self._entries()

    def replaced_before(self) -> list[str]:
        """What is wrong with the directory already: entries that are ordinary files, which none of them ever is."""
        return [f"{self._directory / name} is {shown}" for name, shown in self._before.items() if "a file" in shown]

    def check(self, test: str) -> None:
        """Compare with the previous state, which is then replaced by the current one, so that one test is named once.

        Raises `DevicesReplacedError`.
        """
        before, self._before = self._before, self._entries()
        changes = [
            f"{self._directory / name} was {before[name]} and is now {now}"
            for name, now in self._before.items()
            if now != before[name]
        ]
        if changes:
            raise DevicesReplacedError(
                f"{test}, or a test that ran at the same time, changed what every process uses: {'; '.join(changes)}"
            )

    def _entries(self) -> dict[str, str]:
        return {name: _describe(self._directory / name) for name in NAMES}


def _describe(path: Path) -> str:
    try:
        status = os.lstat(path)
    except OSError:
        return "missing"
    if stat.S_ISLNK(status.st_mode):
        return f"a link to {os.readlink(path)}"
    if stat.S_ISCHR(status.st_mode):
        return f"device {os.major(status.st_rdev)}:{os.minor(status.st_rdev)} (mode {stat.S_IMODE(status.st_mode):o})"
    return f"a file (inode {status.st_ino}, mode {status.st_mode:o})"
