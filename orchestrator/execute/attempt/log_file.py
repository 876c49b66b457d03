"""The file that holds what a job printed, when that passes through pexec."""

from __future__ import annotations

import os

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_TAIL = 1 << 20


class LogFile:
    """Takes bytes in order. Beyond `cap` bytes the middle is dropped: the head is written as it comes, the tail, at
    most 1 MiB and half of the cap, when `finish` is called. A `path` that is a name counts in `folder`.

    `written` and `dropped` are bytes. From the first `fault` on, which is none of the job's, the file stays as it is.
    """

    def __init__(self, path: str, cap: int | None, folder: int | None = None) -> None:
        self.written = 0
        self.dropped = 0
        self.fault: OSError | None = None
        self._path = path
        self._folder = folder
        self._tail = bytearray()
        self._tail_room = 0 if cap is None else min(cap // 2, _LONGEST_TAIL)
        self._head_room = None if cap is None else cap - self._tail_room
        self._file = os.open(path, _FLAGS, 0o600, dir_fd=folder)

    def write(self, chunk: bytes) -> None:
        """Append."""
        if self._head_room is None:
            self._append(chunk)
            return
        head, rest = chunk[: self._head_room], chunk[self._head_room :]
        self._head_room -= len(head)
        self._append(head)
        self._tail += rest
        excess = max(0, len(self._tail) - self._tail_room)
        self.dropped += excess
        del self._tail[:excess]

    def finish(self) -> None:
        """Nothing comes any more: write the tail."""
        self._append(bytes(self._tail))
        self._tail.clear()

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._file)

    def discard(self) -> None:
        """Close it and take it away."""
        os.close(self._file)
        os.unlink(self._path, dir_fd=self._folder)

    def _append(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest and self.fault is None:
            try:
                count = os.write(self._file, rest)
            except OSError as fault:
                self.fault = fault
            else:
                self.written += count
                rest = rest[count:]
        self.dropped += len(rest)
