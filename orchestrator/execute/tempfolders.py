"""Private temporary folders for attempts.

Making and removing a folder for each attempt costs as much as a third of a short job on a journalling file system.
So a folder that an attempt left as it found it is given to the next one.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TempFolder:
    """An empty folder of mode 0700 and what proves that it still is the same."""

    root: str
    path: str
    identity: tuple[int, ...]


class TempFolders:
    """Gives out folders below the roots that attempts name. Safe to use from several threads."""

    def __init__(self) -> None:
        self._free: list[TempFolder] = []
        self._numbers = itertools.count(1)

    def take(self, root: str) -> TempFolder:
        """An empty private folder below `root`, which is made if need be."""
        while self._free:
            try:
                folder = self._free.pop()
            except IndexError:
                break
            if folder.root == root:
                return folder
            _remove(folder.path)
        while True:
            path = os.path.join(root, str(next(self._numbers)))
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                continue
            except FileNotFoundError:
                os.makedirs(root, 0o700, exist_ok=True)
                continue
            return TempFolder(root, path, _identity(path))

    def give_back(self, folder: TempFolder) -> None:
        """The attempt is over: the folder is removed, or kept for another one if nobody can tell the difference."""
        try:
            unchanged = _identity(folder.path) == folder.identity and not os.listdir(folder.path)
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


def _identity(path: str) -> tuple[int, ...]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid


def _remove(path: str) -> None:
    """Remove what is there, as far as it can be removed: what is left never fails a job."""
    try:
        os.rmdir(path)
    except NotADirectoryError:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError:
        import shutil

        shutil.rmtree(path, onerror=_make_writable_and_retry)


def _make_writable_and_retry(function: Callable[[str], Any], path: str, _error: object) -> None:
    """A folder without write permission keeps what is in it; tools make such caches."""
    ...
