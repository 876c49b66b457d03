"""The streams of the program: data on stdout, diagnostics on stderr. Everything that commands print goes through here.

A reader that closes early (`pexec plan | head`) is not an error: the rest is discarded and the command keeps its own
exit code. Any other failure to write data is reported, because a command that lost its data must not exit 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TextIO

from orchestrator.console.descriptors import wait_until_writable, write_now, write_whole
from orchestrator.console.sanitize import defused, safe_line
from orchestrator.errors import EnvironmentFailedError
from orchestrator.inherited import terminal_encoding

_PATIENCE_SECONDS = 10.0

_hide: Callable[[str], str] = str  # masks the secrets in a text, once there are any


def hide_from_streams(hide: Callable[[str], str]) -> None:
    """Pass all text that commands print through `hide` from now on, including the report of a bug."""
    global _hide
    _hide = hide


def hidden(text: str) -> str:
    """`text` with the secrets in it masked, for files that are not of a run."""
    return _hide(text)


def write_stdout(data: str | bytes) -> bool:
    """Write data, however long its reader takes. Returns False once the reader has closed, so that a command can stop
    printing.

    Raises EnvironmentFailedError where the data cannot be written (a full disk).
    """
    try:
        _write(sys.stdout, _hide(data) if isinstance(data, str) else data)
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
    """Write a diagnostic to stderr; if stderr is gone, it is lost. Where a run is shown, its console writes it."""
    text = _hide(defused(text) if on_github() else text)
    if _post is not None:
        _post(text)
    else:
        _write_stderr(text)


def write_commands(text: str) -> None:
    """Write workflow commands of pexec to stderr, as they are. Not while a run is shown."""
    _write_stderr(_hide(text))


def _write_stderr(text: str) -> None:
    if _held is not None:
        _held.write(text)
    else:
        with suppress(OSError):
            _write(sys.stderr, text)


class _HeldStderr:
    """What stderr does not take at once is kept, so that nothing waits for it."""

    def __init__(self) -> None:
        self.rest = b""
        self.is_given_up = False
        self.is_lost = False

    def write(self, text: str) -> None:
        data = _encoded(sys.stderr, text)
        try:
            if not self.rest and not self.is_given_up:
                data = data[write_now(sys.stderr.fileno(), data) :]
        except ValueError:  # not a file
            _write(sys.stderr, text)
        except OSError:
            pass
        else:
            self.rest += data


_held: _HeldStderr | None = None
_post: Callable[[str], None] | None = None


def hold_stderr() -> None:
    """From now on, keep what stderr does not take at once, until `release_stderr`: a run must not wait for it."""
    global _held
    _held = _HeldStderr()


def take_held_stderr() -> str:
    """What was kept, for the console of a run to write."""
    if _held is None:
        return ""
    rest, _held.rest = _held.rest, b""
    return rest.decode(sys.stderr.encoding or "utf-8", "backslashreplace")


def send_stderr_to(post: Callable[[str], None] | None) -> None:
    """Pass what commands print on stderr to the console of a run; with None no more."""
    global _post
    _post = post


def give_up_stderr() -> None:
    """Wait for stderr no more, since it has taken nothing for too long."""
    if _held is not None:
        _held.is_given_up = True


def release_stderr() -> bool:
    """Write what was kept, and wait up to 10 s while nothing is taken. Whether all of it was written, or has no reader
    any more."""
    global _held
    held, _held = _held, None
    if held is None:
        return True
    seconds = 0.0 if held.is_given_up else _PATIENCE_SECONDS
    with suppress(OSError):
        descriptor = sys.stderr.fileno() if held.rest else -1
        while held.rest and wait_until_writable(descriptor, seconds):
            held.rest = held.rest[write_now(descriptor, held.rest) :]
        return not held.rest
    return True


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


def _write(stream: TextIO, data: str | bytes) -> None:
    """Write and flush. Raises OSError."""
    stream.flush()
    try:
        descriptor = stream.fileno()
    except ValueError:  # a program that imports pexec has replaced the stream by an object of its own
        stream.write(data if isinstance(data, str) else data.decode(stream.encoding or "utf-8", "replace"))
        stream.flush()
    else:
        write_whole(descriptor, data if isinstance(data, bytes) else _encoded(stream, data))


def _encoded(stream: TextIO, text: str) -> bytes:
    return text.encode(stream.encoding or "utf-8", "backslashreplace")


def _give_up(stream: TextIO) -> None:
    """Point the descriptor at the null device, or the interpreter reports the unwritten rest when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
