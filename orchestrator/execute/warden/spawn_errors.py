"""Why a command cannot be started: what an errno of `exec` means for this file."""

from __future__ import annotations

import errno
import os

from . import protocol

_LONGEST_SHEBANG = 256
_LONGEST_DETAIL = 1000


class SpawnError(Exception):
    """The command cannot be started. `problem` is one of protocol's, `detail` the path or text that it is about."""

    def __init__(self, problem: int, number: int, detail: bytes = b"") -> None:
        super().__init__(problem, number, detail)
        self.problem = problem
        self.number = number
        self.detail = detail[:_LONGEST_DETAIL]


def exec_error(path: bytes, number: int, directory: bytes = b"") -> SpawnError:
    """What an errno of exec means for this file; a relative path is relative to `directory`, or to the caller's own."""
    place = os.path.join(directory, path)
    if number == errno.E2BIG:
        return SpawnError(protocol.TOO_LONG, number)
    if number == errno.ENOEXEC:
        return SpawnError(protocol.BAD_FORMAT, number, path)
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
        if os.path.isdir(place):
            return SpawnError(protocol.IS_DIRECTORY, number, path)
        if os.access(place, os.X_OK):
            interpreter = _shebang(place)
            if interpreter:
                return SpawnError(protocol.NO_INTERPRETER, number, interpreter)
            return SpawnError(protocol.NO_LOADER, number, path)
        return SpawnError(protocol.NOT_FOUND if number != errno.EACCES else protocol.NOT_EXECUTABLE, number, path)
    return SpawnError(protocol.OTHER, number, path)


def _shebang(path: bytes) -> bytes:
    """The interpreter that a script names; b"" if it names none that can be read."""
    try:
        with open(path, "rb") as file:
            line = file.readline(_LONGEST_SHEBANG)
    except OSError:
        return b""
    return line[2:].strip(b" \t\n").partition(b" ")[0] if line.startswith(b"#!") else b""
