"""The one place where the driver waits: for messages from anywhere, and for what its own thread has to read.

Other threads and signal handlers `put`. A descriptor that is listened to is read by the driver's thread itself, which
saves waking a thread that would only forward what it read (30-60 us for each end of a job, on two busy cores).

A signal handler written in Python runs only when the main thread is next in Python: not while it waits, if the signal
came just before, or to another thread. So the signal itself must ring the bell. It writes one byte, which an eventfd
would refuse; hence a pipe.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

M = TypeVar("M")

_RING = b"\0"
_RINGS = 1 << 12


class Inbox(Generic[M]):
    """Messages in the order in which they came. `put` may be called from everywhere, the rest by one thread."""

    def __init__(self) -> None:
        self._messages: deque[M] = deque()
        self._heard, self._bell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._heard, select.POLLIN)
        self._readers: dict[int, Callable[[], None]] = {}
        self._awake = False  # the waiting thread will look at the messages anyhow

    @property
    def bell(self) -> int:
        """The descriptor to which a write ends the wait; for `signal.set_wakeup_fd`."""
        return self._bell

    def put(self, message: M) -> None:
        """Leave a message. Safe in a signal handler."""
        # In this order: the waiting thread clears `_awake` before it looks at the messages.
        self._messages.append(message)
        if not self._awake:
            try:
                os.write(self._bell, _RING)
            except BlockingIOError:
                return  # the pipe is full: the wait ends anyway

    def listen(self, descriptor: int, read: Callable[[], None]) -> None:
        """From now on, `read` is called by the waiting thread when there is something to read; it may `put`."""
        self._readers[descriptor] = read
        self._poll.register(descriptor, select.POLLIN)

    def forget(self, descriptor: int) -> None:
        """Listen to it no more; call this before closing it."""
        del self._readers[descriptor]
        self._poll.unregister(descriptor)

    def wait(self, seconds: float | None = None) -> list[M]:
        """All messages that have come; waits for the first, at most `seconds`."""
        if not self._messages:
            ready = self._poll.poll(None if seconds is None else seconds * 1000)
            self._awake = True
            try:
                for descriptor, _ in ready:
                    read = self._readers.get(descriptor)
                    if read is not None:
                        read()
                    elif descriptor == self._heard:
                        os.read(self._heard, _RINGS)
            finally:
                self._awake = False
        taken: list[M] = []
        while self._messages:
            taken.append(self._messages.popleft())
        return taken

    def close(self) -> None:
        """Close the descriptors; messages that still come are kept and wake no thread."""
        self._awake = True
        os.close(self._heard)
        os.close(self._bell)
