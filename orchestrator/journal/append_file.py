"""Appending whole lines to a file, made durable in batches."""

from __future__ import annotations

import os
import threading

from orchestrator.helper_threads import start_thread

SYNC_EVERY = 0.05


class LineFile:
    """Appends whole lines to a file open for appending, which is empty or ends in a newline."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size

    def append(self, lines: list[bytes]) -> None:
        """Append all `lines` and empty the list. On OSError the file still ends in a whole line, and the list
        holds the lines that were not written."""
        data = b"".join(lines)
        done = 0
        try:
            while done < len(data):
                done += os.write(self._descriptor, data[done:] if done else data)
        except OSError:
            whole = data.rfind(b"\n", 0, done) + 1
            os.ftruncate(self._descriptor, self._size + whole)
            self._size += whole
            del lines[: data.count(b"\n", 0, whole)]
            raise
        self._size += done
        lines.clear()

    def sync(self) -> None:
        """Wait until the appended lines are on disk. Raises OSError."""
        os.fdatasync(self._descriptor)


class GroupSync:
    """Makes a file durable in a helper thread, every 50 ms at most while it changes.

    `changed` and `close` are called in the writer's thread.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._failure: OSError | None = None
        self._thread = start_thread("pexec-journal-sync", self._work)

    def changed(self) -> None:
        """The file has grown. Raises OSError if an earlier sync failed."""
        if self._failure is not None:
            raise self._failure
        if not self._changed.is_set():
            self._changed.set()

    def close(self) -> None:
        """Make the file durable now and stop the thread. Raises OSError."""
        self._closing.set()
        self._changed.set()
        self._thread.join()
        os.fdatasync(self._descriptor)

    def _work(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._closing.is_set():  # checked after the clear, since `close` sets `_changed` only once
                return
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:
                self._failure = error
                return
            self._closing.wait(SYNC_EVERY)
