"""A lock that one process at a time holds for a job of a project, and every process loses when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os

from orchestrator.journal.safe_files import open_regular


class JobLock:
    """A lock that is held. Of two threads, too, only one holds it."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> JobLock:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:
        """Let another process have it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def try_lock(directory: int, name: str) -> JobLock | None:
    """The lock of this name in a directory, None if another one holds it. Raises OSError."""
    while True:
        descriptor = open_regular(directory, name, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        if _is_still(descriptor, directory, name):
            return JobLock(descriptor)
        os.close(descriptor)  # it was removed meanwhile: others lock another file of this name


def _is_still(descriptor: int, directory: int, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(name, dir_fd=directory, follow_symlinks=False))
    return False
