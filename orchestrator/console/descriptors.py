"""Writing to a descriptor that other programs share: its reader may be slow or stopped, and it may be non-blocking.

Its mode is never changed, since that would change it for everyone who has it.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import time

# A pipe or terminal that poll() reports as writable takes this much (PIPE_BUF) without blocking.
_PIECE = 4096
_LARGE_PIECE = 1 << 16
_PAUSE = 0.01


def write_whole(descriptor: int, data: bytes) -> None:
    """Write all of `data`, however long the reader takes. Raises OSError."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            wait_until_writable(descriptor, None)


def write_now(descriptor: int, data: bytes) -> int:
    """The number of bytes that the reader takes without waiting. Raises OSError."""
    rest = memoryview(data)
    while rest and wait_until_writable(descriptor, 0):
        try:
            rest = rest[os.write(descriptor, rest[:_PIECE]) :]
        except BlockingIOError:
            break
    return len(data) - len(rest)


def wait_until_writable(descriptor: int, seconds: float | None) -> bool:
    """Whether a write will not block, or will fail, within this time; None is for ever."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def nonblocking_twin(descriptor: int) -> int | None:
    """A new non-blocking descriptor of the same pipe or terminal. None where that is not possible: for sockets, for
    pipes of another user, without /proc."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        return os.open(f"/proc/self/fd/{descriptor}", flags)
    return None


def unblocked_copy(descriptor: int) -> int | None:
    """A new descriptor of the same file to which a write never waits for a reader. None where that is not possible."""
    twin = nonblocking_twin(descriptor)
    if twin is None and (stat.S_ISREG(os.fstat(descriptor).st_mode) or not os.get_blocking(descriptor)):
        return os.dup(descriptor)
    return twin


class Outlet:
    """Writes to a descriptor in pieces that it takes at once, in one thread."""

    def __init__(self, descriptor: int) -> None:
        kind = os.fstat(descriptor).st_mode
        self.is_terminal = stat.S_ISCHR(kind)
        self._may_block = not stat.S_ISREG(kind)
        self._descriptor = descriptor
        self._twin = nonblocking_twin(descriptor) if self._may_block else None

    def write(self, data: memoryview, seconds: float) -> int:
        """The number of bytes that were taken, none if nothing could be written for this time. Raises OSError."""
        if not self._may_block:
            return os.write(self._descriptor, data)
        if self._twin is None:
            if not wait_until_writable(self._descriptor, seconds):
                return 0
            return self._attempt(self._descriptor, data[:_PIECE])
        taken = self._attempt(self._twin, data[:_LARGE_PIECE])
        if taken or not wait_until_writable(self._twin, seconds):
            return taken
        taken = self._attempt(self._twin, data[:_PIECE])
        if not taken:
            time.sleep(_PAUSE)  # what poll() reports and what write() takes may differ
        return taken

    def close(self) -> None:
        """Close what was opened here."""
        if self._twin is not None:
            os.close(self._twin)
            self._twin = None

    @staticmethod
    def _attempt(descriptor: int, data: memoryview) -> int:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            return 0
