"""The few exceptions that cross rooms; each knows the exit code that it ends the program with.

A fault in the user's manifest is not an exception but a list of `Diagnostic` (see `diagnostics.py`).
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What the process returns; a signal's own code is 128 plus its number."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    INVALID = 3
    REFUSED = 4
    ENVIRONMENT = 5
    BUG = 70
    DEADLINE = 124


class PexecError(Exception):
    """Something that pexec can explain in one sentence; `help` says what to do about it, and `pexec explain` what its
    `code` means, if it has one (a wrong command line explains itself)."""

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, *, help: str = "", code: str = "") -> None:  # noqa: A002 - what users read
        super().__init__(message)
        self.message = message
        self.help = help
        self.code = code


class UsageError(PexecError):
    """The command line or the settings ask for something that does not exist."""

    exit_code = ExitCode.USAGE


class RefusedError(PexecError):
    """pexec could go on but must not: a locked run, a damaged journal, a missing secret."""

    exit_code = ExitCode.REFUSED


class EnvironmentFailedError(PexecError):
    """The host does not give what a run needs: disk, run folder, processes."""

    exit_code = ExitCode.ENVIRONMENT
