"""The two streams of the program: data on stdout, diagnostics on stderr. The one door to both for commands that print.

A reader that goes away early (`pexec plan | head`) is no fault: the rest goes nowhere and the command keeps its own
exit code. Any other failure to write data is told, because a command that lost its data must not exit 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from orchestrator.errors import EnvironmentFailedError

_hide: Callable[[str], str] = str  # takes secrets out of a text, once there are any


def hide_from_streams(hide: Callable[[str], str]) -> None:
    """From now on pass all text that commands print through `hide`, also the report of a bug."""
    global _hide
    _hide = hide


def write_stdout(data: str | bytes) -> bool:
    """Write data and flush it; whether somebody still reads it, for commands that would go on printing.

    Raises EnvironmentFailedError where the data cannot be written (a full disk).
    """
    try:
        if isinstance(data, bytes):
            sys.stdout.buffer.write(data)
        else:
            sys.stdout.write(_hide(data))
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up(sys.stdout)
        return False
    except OSError as error:
        raise EnvironmentFailedError(f"stdout cannot be written: {error.strerror}", code="PX302") from error
    return True


def write_stderr(text: str) -> None:
    """Write a diagnostic and flush it; where stderr is gone there is nobody left to tell."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from orchestrator.console.sanitize import defused

        text = defused(text)
    try:
        sys.stderr.write(_hide(text))
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def open_standard_streams() -> None:
    """Make the three streams usable, whatever the caller closed, and able to print any text.

    A closed descriptor would be given to the next file that is opened, and what is printed would land in it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, so this very descriptor
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # file names need not be UTF-8, nor stdout


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is to have colours: NO_COLOR forbids, FORCE_COLOR demands, else a terminal that is not dumb."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return draws(stream, environ)


def draws(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal that can do more than print."""
    return environ.get("TERM") != "dumb" and stream.isatty()


def _give_up(stream: TextIO) -> None:
    """Point the descriptor at the null device, or the interpreter complains of the unwritten rest when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
