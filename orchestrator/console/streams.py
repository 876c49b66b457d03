"""The streams of the program: data on stdout, diagnostics on stderr. Everything that commands print goes through here.

A reader that closes early (`pexec plan | head`) is not an error: the rest is discarded and the command keeps its own
exit code. Any other failure to write data is reported, because a command that lost its data must not exit 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from orchestrator.console.sanitize import defused, safe_line
from orchestrator.errors import EnvironmentFailedError
from orchestrator.inherited import terminal_encoding

_hide: Callable[[str], str] = str  # masks the secrets in a text, once there are any


def hide_from_streams(hide: Callable[[str], str]) -> None:
    """Pass all text that commands print through `hide` from now on, including the report of a bug."""
    global _hide
    _hide = hide


def write_stdout(data: str | bytes) -> bool:
    """Write data and flush it. Returns False once the reader has closed, so that a command can stop printing.

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


def write_text(text: str) -> bool:
    """Write text for humans to stdout, as `write_stdout`. Under GitHub Actions no line of it is a command."""
    if on_github():
        lines = (safe_line(line.encode("utf-8", "replace"), colour=False, github=True) for line in text.split("\n"))
        text = "\n".join(lines)
    return write_stdout(text)


def write_stderr(text: str) -> None:
    """Write a diagnostic to stderr and flush it; if stderr is gone, it is lost."""
    if on_github():
        text = defused(text)
    try:
        sys.stderr.write(_hide(text))
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def open_standard_streams() -> None:
    """Make the three streams usable, even if the caller closed them, and able to print any text.

    The number of a closed descriptor would be reused for the next file opened, and output would be written to it.
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
            # File names need not be UTF-8, nor a terminal; data for other programs is.
            reconfigure(encoding=terminal_encoding() if stream.isatty() else None, errors="backslashreplace")


def on_github() -> bool:
    """Whether the runner of GitHub Actions reads what this process prints, and takes some lines for commands."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to write colours to `stream`: not with NO_COLOR, always with FORCE_COLOR, else on a capable terminal."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return draws(stream, environ)


def draws(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal that handles escape sequences."""
    return environ.get("TERM") != "dumb" and stream.isatty()


def _give_up(stream: TextIO) -> None:
    """Point the descriptor at the null device, or the interpreter reports the unwritten rest when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
