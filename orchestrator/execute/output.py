"""The output of a job on its way through pexec: byte for byte into its log, and to whoever watches.

Fixed chunks of bytes, no lines, no decoding: memory does not grow with the output. The end of the job is never read
from the pipe: a process that got away may hold it open for ever.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

CHUNK = 1 << 16
_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_QUIET_SECONDS = 0.25
_LONGEST_DRAIN_SECONDS = 5.0


class Pump:
    """A pipe whose one end, `write_end`, is the job's output. `log_bytes` are written, `dropped_bytes` are lost."""

    def __init__(self, log: str, on_output: Callable[[bytes], None]) -> None:
        self._on_output = on_output
        self.log_bytes = 0
        self.dropped_bytes = 0
        self.fault: OSError | None = None
        self._log = os.open(log, _LOG_FLAGS, 0o600)
        try:
            self._read_end, self.write_end = os.pipe()
        except OSError:
            os.close(self._log)
            os.unlink(log)
            raise
        os.set_blocking(self._read_end, False)
        self._ended = False

    def run_until_readable(self, descriptor: int) -> None:
        """Pass the output on until there is something to read from another descriptor."""
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(self._read_end, select.POLLIN)
        while not self._ended:
            ready = [number for number, _ in poll.poll()]
            if self._read_end in ready:
                self._pass_on()
            if descriptor in ready:
                return

    def drain(self) -> None:
        """The job has ended: pass on what is buffered, until the pipe ends or nothing comes any more."""
        os.close(self.write_end)
        self.write_end = -1
        give_up_at = time.monotonic() + _LONGEST_DRAIN_SECONDS
        poll = select.poll()
        poll.register(self._read_end, select.POLLIN)
        while not self._ended and time.monotonic() < give_up_at and poll.poll(_QUIET_SECONDS * 1000):
            self._pass_on()

    def close(self) -> None:
        """Give the descriptors back."""
        for descriptor in (self._log, self._read_end, self.write_end):
            if descriptor >= 0:
                os.close(descriptor)

    def _pass_on(self) -> None:
        try:
            chunk = os.read(self._read_end, CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self._ended = True
            return
        self._write(chunk)
        self._on_output(chunk)

    def _write(self, chunk: bytes) -> None:
        """Into the log; from the first failure on, which is no fault of the job, the log stays as it is."""
        rest = memoryview(chunk)
        while rest and self.fault is None:
            try:
                written = os.write(self._log, rest)
            except OSError as fault:
                self.fault = fault
            else:
                self.log_bytes += written
                rest = rest[written:]
        self.dropped_bytes += len(rest)
