"""The output of a job on its way through pexec: byte for byte into its log, and to what shows it.

Chunks of bytes of a fixed size, no lines, no decoding: memory does not grow with the output. The end of the job is
never inferred from the pipe: a process that escaped may hold it open for ever. Runs in the thread of the attempt.
"""

from __future__ import annotations

import errno
import os
import select
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from orchestrator.execute.attempt.log_file import LogFile
from orchestrator.execute.warden.scarcity import has_room_for

if TYPE_CHECKING:
    from orchestrator.execute.secrets.redact import Redactor

CHUNK = 1 << 16
# If pumps took all descriptors, none of their jobs could be requested, and none would ever be closed.
_FOR_CHANNELS = 8
_QUIET_SECONDS = 0.25
_LONGEST_DRAIN_SECONDS = 5.0


class Pipe(ABC):
    """A pipe whose one end, `write_end`, is the job's output, and whose other end is read here and given to `take`."""

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """The job has ended, or is lost: what it has printed is passed on in any case."""
        try:
            self.drain()
        finally:
            self.close()

    @abstractmethod
    def take(self, chunk: bytes) -> None:
        """Get the next part of the output; called in the thread that reads it."""

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
        while not self._ended and poll.poll(_QUIET_SECONDS * 1000):
            self._pass_on()
            # Checked last: if pexec was stopped here for longer than that, a whole buffer would be lost otherwise.
            if time.monotonic() >= give_up_at:
                return

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in (self._read_end, self.write_end):
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
        self.take(chunk)


class Pump(Pipe):
    """The output of a job: into its log, which holds at most `cap` bytes of it, and to `on_output`, both without what
    the redactor takes out. EMFILE also when it would take the last descriptors."""

    def __init__(
        self,
        log: str,
        on_output: Callable[[bytes], None],
        redactor: Redactor | None = None,
        *,
        cap: int | None = None,
        directory: int | None = None,
    ) -> None:
        self._on_output = on_output
        self._redactor = redactor
        self.log = LogFile(log, cap, directory)
        try:
            super().__init__()
        except OSError:
            self.log.discard()
            raise
        if not has_room_for(max(self._read_end, self.write_end) + _FOR_CHANNELS):
            super().close()
            self.log.discard()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def take(self, chunk: bytes) -> None:
        if self._redactor is not None:
            chunk = self._redactor.feed(chunk)
        self._give(chunk)

    def drain(self) -> None:
        super().drain()
        if self._redactor is not None:
            self._give(self._redactor.finish())
        self.log.finish()

    def close(self) -> None:
        self.log.close()
        super().close()

    def _give(self, chunk: bytes) -> None:
        if chunk:
            self.log.write(chunk)
            self._on_output(chunk)
