"""The file that holds what a job printed, when that passes through pexec."""

from __future__ import annotations

import os

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_TAIL = 1 << 20


class LogFile:
    """Takes bytes in order. Beyond `cap` bytes the middle is dropped: the head is written as it comes, the tail, at
    most 1 MiB and half of the cap, when `finish` is called. A `path` that is a name is relative to `directory`.

    `written` and `dropped` are bytes. After the first `error` of the file system, which says nothing of the job, the
    file is not written any more.
    """

    def __init__(self, path: str, cap: int | None, directory: int | None = None) -> None:
        self.written = 0
        self.dropped = 0
        self.error: OSError | None = None
        self._path = path
        self._directory = directory
        self._tail = bytearray()
        self._tail_room = 0 if cap is None else min(cap // 2, _LONGEST_TAIL)
        self._head_room = None if cap is None else cap - self._tail_room
        self._file = os.open(path, _FLAGS, 0o600, dir_fd=directory)

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
        """The output is complete: write the tail."""
        self._append(bytes(self._tail))
        self._tail.clear()

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._file)

    def discard(self) -> None:
        """Close the file and remove it."""
        self.close()
        self.remove()

    def remove(self) -> None:
        """Nothing was started: another attempt may need the name."""
        os.unlink(self._path, dir_fd=self._directory)

    def _append(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest and self.error is None:
            try:
                count = os.write(self._file, rest)
            except OSError as error:
                self.error = error
            else:
                self.written += count
                rest = rest[count:]
        self.dropped += len(rest)
