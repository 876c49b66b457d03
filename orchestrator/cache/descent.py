"""Directories and files below a directory, reached component by component so that no link is ever followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of a directory, whose own path may contain links. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class LinkError(OSError):
    """A component of a path is a link, or is no directory; `path` is that far."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ENOTDIR, "a link, or no directory", path)
        self.path = path


def open_parent(base: int, path: str, *, create: bool = False) -> tuple[int, str]:
    """A descriptor of the directory that holds `path`, which is relative to `base`, and the last component. The caller
    closes it. Raises OSError, LinkError."""
    components = path.split("/")
    if not all(components) or {".", ".."} & set(components):
        raise LinkError(path)
    directory = os.dup(base)
    for number, name in enumerate(components[:-1], 1):
        try:
            inner = _opened(directory, name, create=create)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise LinkError("/".join(components[:number])) from error
            raise
        finally:
            os.close(directory)
        directory = inner
    return directory, components[-1]


def facts_of(directory: int, name: str) -> os.stat_result | None:
    """What is at a name, itself and not what it leads to; None if nothing is."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_directory(facts: os.stat_result | None) -> bool:
    """Whether there is something, and it is a directory."""
    return facts is not None and stat.S_ISDIR(facts.st_mode)


def _opened(directory: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        if not create:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=directory)
    return os.open(name, _DIRECTORY, dir_fd=directory)
