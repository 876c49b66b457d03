"""Reading files that a user or a repository names: never more than a number of bytes, and never waiting forever."""

from __future__ import annotations

import io
import os
import select
import stat
from typing import BinaryIO, cast

PATIENCE_SECONDS = 30.0  # how long a pipe may send nothing


class NotRegularError(OSError):
    """A device, a pipe or a socket, where a regular file is expected."""


def read_bounded(path: str, limit: int) -> bytes:
    """At most `limit` bytes of the regular file at `path`; links are followed.

    Raises OSError: IsADirectoryError for a directory, NotRegularError for anything else that is not a regular file. A
    device has no end, and a pipe may never be written to.
    """
    descriptor = _opened(path)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(0, "is a directory")
        if not stat.S_ISREG(mode):
            raise NotRegularError(0, "not a regular file")
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(limit)
    finally:
        os.close(descriptor)


def open_patiently(path: str) -> BinaryIO:
    """A file, or a pipe such as that of `<(command)`, for reading. Raises OSError, when reading as TimeoutError if the
    pipe sends nothing for `PATIENCE_SECONDS`."""
    descriptor = _opened(path)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return open(descriptor, "rb")
    return cast(BinaryIO, io.BufferedReader(_Pipe(descriptor)))


def _opened(path: str) -> int:
    """Not blocking: a named pipe is opened at once, even if no process writes to it."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


class _Pipe(io.RawIOBase):
    """The read end of a pipe, or a device. Owns the descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # of what BufferedReader gives
        while True:
            if not self._poll.poll(PATIENCE_SECONDS * 1000):
                raise TimeoutError(0, f"no data for {PATIENCE_SECONDS:g} s")
            try:
                return os.readv(self._descriptor, [buffer])
            except BlockingIOError:
                continue

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()
