"""Private temporary folders for attempts.

Making and removing a folder for each attempt costs as much as a third of a short job on a journalling file system.
So a folder that an attempt left as it found it is given to the next one.

All is made, written and removed from descriptors on, of the run folder and of the one in it where these folders are: a
job that puts a link in the place of one leads nothing of ours astray. But jobs are told paths. So a path is told only
if it leads to the folder that was made for it.
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
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class PlaceTakenError(Exception):
    """Something else stands where temporary folders are to be. The text says where."""


class Root:
    """The folder in which they are, made private if it is missing; a link in its place raises PlaceTakenError."""

    def __init__(self, path: str) -> None:
        self.path = path
        above, self._name = os.path.split(path)
        os.makedirs(above, 0o700, exist_ok=True)
        self._above = os.open(above, _FOLDER)
        self.descriptor = self._opened()

    def open_again(self) -> None:
        """Take what stands in its place now. The number stays the same: other threads are using it."""
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
            return os.open(self._name, _FOLDER, dir_fd=self._above)
        except NotADirectoryError:  # so the system says it of a link too
            raise PlaceTakenError(f"`{self.path}`, for temporary folders, is no folder any more") from None


class TempFolder(Struct, frozen=True):
    """An empty folder of mode 0700, and what proves that it still is the same. With `stays` it is not removed.

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


class TempFolders:
    """Gives out folders below the roots that attempts name. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._roots: dict[str, Root] = {}
        self._out: dict[str, TempFolder] = {}  # by path
        self._free: list[TempFolder] = []
        self._numbers = itertools.count(1)

    def take(self, root: str, *, keep_as: str | None = None) -> TempFolder:
        """An empty private folder below `root`, which is made if need be; with `keep_as` it has this name and stays.

        Raises PlaceTakenError."""
        folder = self._made(root, keep_as) if keep_as is not None else self._free_one(root) or self._made(root, None)
        self._out[folder.path] = folder
        return folder

    def write(self, path: str, name: str, data: bytes) -> None:
        """Write a new file in the folder with this path, which was given out."""
        folder = self._out[path]
        place = os.open(folder.name, _FOLDER, dir_fd=folder.root.descriptor)
        try:
            with open(os.open(name, _NEW_FILE, 0o600, dir_fd=place), "wb") as file:
                file.write(data)
        finally:
            os.close(place)

    def give_back(self, folder: TempFolder) -> None:
        """The attempt is over: the folder is removed, or kept for another one if nobody can tell the difference."""
        if not folder.stays:
            left = _as_it_was(folder)
            if left is not None:
                self._free.append(left)
            else:
                _remove(folder)
        self._out.pop(folder.path, None)

    def remove(self) -> None:
        """Remove the folders that are free; once all are, let go of where they were."""
        while self._free:
            _remove(self._free.pop())
        with self._lock:
            while self._roots and not self._out:
                self._roots.popitem()[1].close()

    def _free_one(self, root: str) -> TempFolder | None:
        while self._free:
            try:
                folder = self._free.pop()
            except IndexError:
                break
            if folder.root.path == root and _leads_there(folder):
                return folder if folder.is_settled else _settled(folder)
            _remove(folder)
        return None

    def _made(self, path: str, name: str | None) -> TempFolder:
        root = self._root(path)
        folder = self._made_in(root, name)
        if not _leads_there(folder):
            # A job may have moved or removed all of them; a link in their place is nothing that is used.
            _remove(folder)
            root.open_again()
            folder = self._made_in(root, name)
            if not _leads_there(folder):
                _remove(folder)
                raise PlaceTakenError(f"`{folder.path}` does not lead to the temporary folder that was made there")
        return folder if name is None else replace(folder, stays=True)

    def _made_in(self, root: Root, keep_as: str | None) -> TempFolder:
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
                    raise PlaceTakenError(f"`{root.path}/{name}` is there already") from None
            else:
                made = os.stat(name, dir_fd=root.descriptor, follow_symlinks=False)
                return TempFolder(root, name, f"{root.path}/{name}", _identity(made), made.st_ctime_ns)

    def _root(self, path: str) -> Root:
        with self._lock:
            if path not in self._roots:
                self._roots[path] = Root(path)
            return self._roots[path]


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid


def _leads_there(folder: TempFolder) -> bool:
    """Whether its path leads to it, and nobody has changed it."""
    try:
        return _is_untouched(folder, os.lstat(folder.path))
    except OSError:
        return False


def _is_untouched(folder: TempFolder, status: os.stat_result) -> bool:
    """A change of its mode or its owner shows in the time too."""
    return status.st_ctime_ns == folder.changed_at and (status.st_dev, status.st_ino) == folder.identity[:2]


def _as_it_was(folder: TempFolder) -> TempFolder | None:
    """The folder as it is now; None if somebody could tell the difference."""
    try:
        status = os.stat(folder.name, dir_fd=folder.root.descriptor, follow_symlinks=False)
        if folder.is_settled and _is_untouched(folder, status):
            return folder
        if _identity(status) != folder.identity:
            return None
        opened = os.open(folder.name, _FOLDER, dir_fd=folder.root.descriptor)
        try:
            is_empty = not os.listdir(opened)
        finally:
            os.close(opened)
    except OSError:
        return None
    return replace(folder, changed_at=status.st_ctime_ns, is_settled=False) if is_empty else None


def _settled(folder: TempFolder) -> TempFolder:
    """The folder, settled if its last change is long enough ago and the file system does not date by whole seconds."""
    is_old = time.time_ns() - folder.changed_at > _TICK_NANOSECONDS
    return replace(folder, is_settled=is_old and folder.changed_at % _SECOND != 0)


def _remove(folder: TempFolder) -> None:
    """Remove what is there, as far as it can be removed: what is left never fails a job."""
    name, parent = folder.name, folder.root.descriptor
    with suppress(OSError):
        try:
            os.rmdir(name, dir_fd=parent)
        except NotADirectoryError:
            os.unlink(name, dir_fd=parent)
        except OSError:
            from orchestrator.journal.safe_files import remove_tree

            remove_tree(parent, name)
