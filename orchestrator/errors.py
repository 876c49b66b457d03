"""The exceptions that cross packages; each has the exit code of the program.

An error in a manifest is not an exception but a list of `Diagnostic` (see `diagnostics/model.py`).
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """The exit codes of the program; that of a signal is 128 plus its number."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    INVALID = 3
    REFUSED = 4
    ENVIRONMENT = 5
    BUG = 70
    DEADLINE = 124


class PexecError(Exception):
    """An error that pexec can explain in one sentence. `help` says what to do about it; `code`, which usage errors do
    not have, is a diagnostic code for `pexec explain`."""

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, *, help: str = "", code: str = "") -> None:  # noqa: A002 - what users read
        super().__init__(message)
        self.message = message
        self.help = help
        self.code = code


class UsageError(PexecError):
    """The command line or the settings are invalid."""

    exit_code = ExitCode.USAGE


class RefusedError(PexecError):
    """pexec could continue but must not: a locked run, a damaged journal, a missing secret."""

    exit_code = ExitCode.REFUSED


class EnvironmentFailedError(PexecError):
    """The host lacks what a run needs: disk space, a run directory, processes."""

    exit_code = ExitCode.ENVIRONMENT
