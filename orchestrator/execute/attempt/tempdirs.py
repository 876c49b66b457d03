"""Private temporary directories for attempts.

Making and removing a directory for each attempt costs as much as a third of a short job on a journalling file system.
So a directory that an attempt left as it found it is reused for the next one.

Everything is made, written and removed relative to descriptors, of the run directory and of the one in it where these
directories are: a job that replaces one by a link redirects nothing of ours. But jobs get paths. So a path is given out
only if it leads to the directory that was made for it.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

# Longer than a tick of the clock that file systems date changes with.
_TICK_NANOSECONDS = 20_000_000
_SECOND = 1_000_000_000
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class PlaceTakenError(Exception):
    """Something else is in the place of a temporary directory. The text says where."""


class Root:
    """The directory that holds them, made private if it is missing; a link in its place raises PlaceTakenError."""

    def __init__(self, path: str) -> None:
        self.path = path
        above, self._name = os.path.split(path)
        os.makedirs(above, 0o700, exist_ok=True)
        self._above = os.open(above, _DIRECTORY)
        self.descriptor = self._opened()

    def open_again(self) -> None:
        """Open what is in its place now. The descriptor keeps its number: other threads are using it."""
        opened = self._opened()
        os.dup2(opened, self.descriptor, inheritable=False)
        os.close(opened)

    def close(self) -> None:
        """Nothing can be made or removed in it any more."""
        os.close(self.descriptor)
        os.close(self._above)
        self.descriptor = self._above = -1

    def _opened(self) -> int:
        try:
            with suppress(FileExistsError):
                os.mkdir(self._name, 0o700, dir_fd=self._above)
            return os.open(self._name, _DIRECTORY, dir_fd=self._above)
        except NotADirectoryError:  # the error for a link too
            raise PlaceTakenError(f"`{self.path}`, for temporary directories, is not a directory any more") from None


class TempDir(Struct, frozen=True):
    """An empty directory of mode 0700, and what proves that it still is the same. With `stays` it is not removed.

    `changed_at` is the time of its last change by the file system's clock, in nanoseconds. `is_settled` says that a
    change that comes now must show in that time.
    """

    root: Root
    name: str
    path: str
    identity: tuple[int, ...]
    changed_at: int
    is_settled: bool = False
    stays: bool = False


class TempDirs:
    """Gives out directories below the roots that attempts name. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._roots: dict[str, Root] = {}
        self._out: dict[str, TempDir] = {}  # by path
        self._free: list[TempDir] = []
        self._numbers = itertools.count(1)

    def take(self, root: str, *, keep_as: str | None = None) -> TempDir:
        """An empty private directory below `root`, which is made if need be; with `keep_as` it has this name and stays.

        Raises PlaceTakenError."""
        directory = None
        while directory is None and keep_as is None and self._free:
            try:
                directory = self._free.pop()
            except IndexError:  # another thread took the last one
                break
            try:
                status = os.lstat(directory.path)
            except OSError:
                status = None
            if status is None or directory.root.path != root or not _is_untouched(directory, status):
                _remove(directory)
                directory = None
        if directory is None:
            directory = self._made(root, keep_as)
        elif not directory.is_settled:
            directory = _settled(directory)
        self._out[directory.path] = directory
        return directory

    def write(self, path: str, name: str, data: bytes) -> None:
        """Write a new file in the directory with this path, which was given out."""
        directory = self._out[path]
        place = os.open(directory.name, _DIRECTORY, dir_fd=directory.root.descriptor)
        try:
            with open(os.open(name, _NEW_FILE, 0o600, dir_fd=place), "wb") as file:
                file.write(data)
        finally:
            os.close(place)

    def read(self, path: str, name: str, most: int) -> bytes:
        """At most this many bytes of a regular file in the directory with this path, which was given out. Whatever its
        job put there, no link is followed, and nothing is waited for. Raises OSError."""
        directory = self._out[path]
        place = os.open(directory.name, _DIRECTORY, dir_fd=directory.root.descriptor)
        try:
            from orchestrator.journal.safe_files import open_regular  # late, as below

            with open(open_regular(place, name, os.O_RDONLY), "rb", buffering=0) as file:
                return file.read(most)
        finally:
            os.close(place)

    def release(self, directory: TempDir) -> None:
        """The attempt is over: the directory is removed, or kept for another if that one cannot see a difference."""
        if not directory.stays:
            left = _as_it_was(directory)
            if left is not None:
                self._free.append(left)
            else:
                _remove(directory)
        self._out.pop(directory.path, None)

    def discard(self, directory: TempDir) -> None:
        """No job has seen the directory: it is removed, also one that was to stay."""
        _remove(directory)
        self._out.pop(directory.path, None)

    def remove(self) -> None:
        """Remove the directories that are free; once all are, close those that held them."""
        while self._free:
            _remove(self._free.pop())
        with self._lock:
            while self._roots and not self._out:
                self._roots.popitem()[1].close()

    def _made(self, path: str, name: str | None) -> TempDir:
        root = self._root(path)
        directory = self._made_in(root, name)
        if not _leads_there(directory):
            # A job may have moved or removed all of them; a link in their place is never followed.
            _remove(directory)
            root.open_again()
            directory = self._made_in(root, name)
            if not _leads_there(directory):
                _remove(directory)
                raise PlaceTakenError(
                    f"`{directory.path}` does not lead to the temporary directory that was made there"
                )
        return directory if name is None else replace(directory, stays=True)

    def _made_in(self, root: Root, keep_as: str | None) -> TempDir:
        while True:
            name = keep_as or str(next(self._numbers))
            try:
                try:
                    os.mkdir(name, 0o700, dir_fd=root.descriptor)
                except FileNotFoundError:
                    root.open_again()
                    os.mkdir(name, 0o700, dir_fd=root.descriptor)
            except FileExistsError:
                if keep_as is not None:
                    raise PlaceTakenError(f"`{root.path}/{name}` exists already") from None
            else:
                made = os.stat(name, dir_fd=root.descriptor, follow_symlinks=False)
                return TempDir(root, name, f"{root.path}/{name}", _identity(made), made.st_ctime_ns)

    def _root(self, path: str) -> Root:
        with self._lock:
            if path not in self._roots:
                self._roots[path] = Root(path)
            return self._roots[path]


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid


def _leads_there(directory: TempDir) -> bool:
    """Whether its path leads to it, and it was not changed."""
    try:
        return _is_untouched(directory, os.lstat(directory.path))
    except OSError:
        return False


def _is_untouched(directory: TempDir, status: os.stat_result) -> bool:
    """A change of its mode or its owner shows in the time too."""
    return status.st_ctime_ns == directory.changed_at and (status.st_dev, status.st_ino) == directory.identity[:2]


def _as_it_was(directory: TempDir) -> TempDir | None:
    """The directory as it is now; None if the next attempt could see a difference."""
    try:
        status = os.stat(directory.name, dir_fd=directory.root.descriptor, follow_symlinks=False)
        if directory.is_settled and _is_untouched(directory, status):
            return directory
        if _identity(status) != directory.identity:
            return None
        opened = os.open(directory.name, _DIRECTORY, dir_fd=directory.root.descriptor)
        try:
            is_empty = not os.listdir(opened)
        finally:
            os.close(opened)
    except OSError:
        return None
    return replace(directory, changed_at=status.st_ctime_ns, is_settled=False) if is_empty else None


def _settled(directory: TempDir) -> TempDir:
    """The directory, settled if its last change is long enough ago and the file system does not date by seconds."""
    is_old = time.time_ns() - directory.changed_at > _TICK_NANOSECONDS
    return replace(directory, is_settled=is_old and directory.changed_at % _SECOND != 0)


def _remove(directory: TempDir) -> None:
    """Remove what is there, as far as it can be removed: what is left never fails a job."""
    name, parent = directory.name, directory.root.descriptor
    with suppress(OSError):
        try:
            os.rmdir(name, dir_fd=parent)
        except NotADirectoryError:
            os.unlink(name, dir_fd=parent)
        except OSError:
            from orchestrator.journal.safe_files import remove_tree

            remove_tree(parent, name)
