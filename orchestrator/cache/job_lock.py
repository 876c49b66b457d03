"""A lock that one process at a time holds for a job of a project, and every process loses when it ends; and whether
any other run of the project holds such locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading

from orchestrator.journal.safe_files import open_regular

_FLOCK = "hhqqi4x"  # of 64-bit Linux


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


class JobLocks:
    """The locks of all jobs of one project, in a directory. For any thread."""

    def __init__(self, directory: int, project: str) -> None:
        self._directory = directory
        self._project = project
        self._mutex = threading.Lock()
        self._activity: Activity | None = None

    def try_lock(self, name: str) -> JobLock | None:
        """The lock of a job, None if another run holds it. From now on this run may change outputs. Raises OSError."""
        lock = try_lock(self._directory, name)
        if lock is not None:
            with contextlib.suppress(OSError):  # where the file system has no such locks, others see that too
                self._opened().begin()
        return lock

    def has_other_runs(self) -> bool:
        """Whether another run may be changing outputs; in doubt it is."""
        try:
            return self._opened().has_others()
        except OSError:
            return True

    def close(self) -> None:
        """The run has ended."""
        with self._mutex:
            activity, self._activity = self._activity, None
        if activity is not None:
            activity.close()

    def _opened(self) -> Activity:
        with self._mutex:
            if self._activity is None:
                self._activity = Activity(self._directory, self._project)
            return self._activity


class Activity:
    """One file for all runs of a project, in which each that changes outputs is marked as long as it lives. For any
    thread."""

    def __init__(self, directory: int, name: str) -> None:
        """Raises OSError."""
        self._descriptor = open_regular(directory, name, os.O_RDWR | os.O_CREAT)

    def begin(self) -> None:
        """This run is about to change outputs. Raises OSError."""
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _lock(fcntl.F_RDLCK))

    def has_others(self) -> bool:
        """Whether other runs do. Raises OSError."""
        found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, _lock(fcntl.F_WRLCK))
        return int(struct.unpack(_FLOCK, found)[0]) != fcntl.F_UNLCK

    def close(self) -> None:
        """The run has ended."""
        os.close(self._descriptor)


def _lock(kind: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, 0, 0, 0)


def _is_still(descriptor: int, directory: int, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(name, dir_fd=directory, follow_symlinks=False))
    return False
