"""Private temporary folders for attempts.

Making and removing a folder for each attempt costs as much as a third of a short job on a journalling file system.
So a folder that an attempt left as it found it is given to the next one.
"""

from __future__ import annotations

import itertools
import os
import stat
import time

from msgspec import Struct
from msgspec.structs import replace

# Longer than a tick of the clock that file systems date changes with.
_TICK_NANOSECONDS = 20_000_000
_SECOND = 1_000_000_000


class TempFolder(Struct, frozen=True):
    """An empty folder of mode 0700, and what proves that it still is the same; nothing if it is to stay.

    `changed_at` is the time of its last change by the file system's clock, in nanoseconds. `is_settled` says that a
    change that comes now must show in that time.
    """

    root: str
    path: str
    identity: tuple[int, ...] | None
    changed_at: int = 0
    is_settled: bool = False


class TempFolders:
    """Gives out folders below the roots that attempts name. Safe to use from several threads."""

    def __init__(self) -> None:
        self._free: list[TempFolder] = []
        self._numbers = itertools.count(1)

    def take(self, root: str, *, keep_as: str | None = None) -> TempFolder:
        """An empty private folder below `root`, which is made if need be; with `keep_as` it has this name and stays."""
        if keep_as is not None:
            return TempFolder(root, make(root, keep_as), None)
        while self._free:
            try:
                folder = self._free.pop()
            except IndexError:
                break
            if folder.root == root:
                return folder if folder.is_settled else _settled(folder)
            _remove(folder.path)
        while True:
            try:
                path = make(root, str(next(self._numbers)))
            except FileExistsError:
                continue
            return TempFolder(root, path, *_look(path))

    def give_back(self, folder: TempFolder) -> None:
        """The attempt is over: the folder is removed, or kept for another one if nobody can tell the difference."""
        if folder.identity is None:
            return
        try:
            identity, changed_at = _look(folder.path)
            unchanged = identity == folder.identity
            if unchanged and not (folder.is_settled and changed_at == folder.changed_at):
                unchanged = not os.listdir(folder.path)
                folder = TempFolder(folder.root, folder.path, identity, changed_at)
        except OSError:
            unchanged = False
        if unchanged:
            self._free.append(folder)
        else:
            _remove(folder.path)

    def remove(self) -> None:
        """Remove the folders that are free."""
        while self._free:
            _remove(self._free.pop().path)


def make(root: str, name: str) -> str:
    """The path of a new private folder of this name below `root`, which is made private too if it is missing."""
    path = os.path.join(root, name)
    try:
        os.mkdir(path, 0o700)
    except FileNotFoundError:
        os.makedirs(root, 0o700, exist_ok=True)
        os.mkdir(path, 0o700)
    return path


def _look(path: str) -> tuple[tuple[int, ...], int]:
    """What a folder is, and when it was changed last."""
    status = os.lstat(path)
    return (status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid), status.st_ctime_ns


def _settled(folder: TempFolder) -> TempFolder:
    """The folder, settled if its last change is long enough ago and the file system does not date by whole seconds."""
    is_old = time.time_ns() - folder.changed_at > _TICK_NANOSECONDS
    return replace(folder, is_settled=is_old and folder.changed_at % _SECOND != 0)


def _remove(path: str) -> None:
    """Remove what is there, as far as it can be removed: what is left never fails a job."""
    try:
        os.rmdir(path)
    except NotADirectoryError:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError:
        _remove_tree(path)


def _remove_tree(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
    if not os.path.lexists(path):
        return
    # A folder without write permission keeps what is in it; some tools make such caches.
    os.chmod(path, stat.S_IRWXU)
    for folder, subfolders, _ in os.walk(path):
        for name in subfolders:
            inner = os.path.join(folder, name)
            if not os.path.islink(inner):
                os.chmod(inner, stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)
