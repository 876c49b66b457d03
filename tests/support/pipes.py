"""Pipes whose reader is slow, stands still or leaves, as the stdout and stderr of pexec."""

from __future__ import annotations

import fcntl
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager


def is_readable(descriptor: int, seconds: float) -> bool:
    """Whether it can be read, or is at its end, within this time; of any number, which `select.select` is not for."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


@contextmanager
def stuck_pipe(*, nonblocking: bool = False) -> Iterator[int]:
    """The write end of a pipe that is full, and that is not read while the block runs."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    try:
        while True:
            os.write(theirs, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(theirs, not nonblocking)
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


class SlowReader:
    """A pipe that is first not read for a while, and then in small pieces. `write_end` is for the writer."""

    def __init__(self, *, nonblocking: bool = False, size: int | None = None, pause: float = 1.5) -> None:
        self._ours, self.write_end = os.pipe()
        self._pause = pause
        os.set_blocking(self.write_end, not nonblocking)
        if size is not None:
            fcntl.fcntl(self.write_end, fcntl.F_SETPIPE_SZ, size)

    def read_all(self, seconds: float = 120) -> bytes:
        """Everything, once the writer was started and has ended."""
        os.close(self.write_end)
        time.sleep(self._pause)
        give_up_at = time.monotonic() + seconds
        data = b""
        while is_readable(self._ours, max(0.0, give_up_at - time.monotonic())):
            piece = os.read(self._ours, 16384)
            if not piece:
                os.close(self._ours)
                return data
            data += piece
        raise AssertionError(f"the writer is still there after {seconds} s and {len(data)} bytes")
