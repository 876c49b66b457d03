"""Whole lines at the end of a file, durable in groups: the journal's last metre."""

from __future__ import annotations

import os
import threading

SYNC_EVERY = 0.05


class LineFile:
    """Appends whole lines to a file that is open for appending. The file ends in a newline, or is empty."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size

    def append(self, lines: list[bytes]) -> None:
        """Append all `lines` and empty the list. On OSError the file ends in a whole line, and the list holds the
        lines that are not in it."""
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
        """Wait until the disk has what was appended. Raises OSError."""
        os.fdatasync(self._descriptor)


class GroupSync:
    """Makes a file durable in a helper thread, at most every 50 ms while it changes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._work, name="pexec-journal-sync", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """The file has grown. Raises OSError if it could not be made durable before."""
        if self._failure is not None:
            raise self._failure
        if not self._changed.is_set():
            self._changed.set()

    def close(self) -> None:
        """Make the file durable now and end the thread. Raises OSError."""
        self._closing.set()
        self._changed.set()
        self._thread.join()
        os.fdatasync(self._descriptor)

    def _work(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._closing.is_set():  # looked at after: `close` rings once
                return
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:
                self._failure = error
                return
            self._closing.wait(SYNC_EVERY)
