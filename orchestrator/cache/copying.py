"""Copying the content of a file, where the file system can do it without reading."""

from __future__ import annotations

import errno
import os

from orchestrator.cache.model import ShouldStop, Stopped

_PIECE = 8 << 20
_NOT_HERE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF)


def copy_content(source: int, target: int, should_stop: ShouldStop) -> None:
    """All of an open file into an open empty one. Raises OSError, Stopped."""
    try:
        _copied_by_kernel(source, target, should_stop)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        os.ftruncate(target, 0)
        _copied(source, target, should_stop)


def _copied_by_kernel(source: int, target: int, should_stop: ShouldStop) -> None:
    offset = 0
    while size := os.copy_file_range(source, target, _PIECE, offset, offset):
        offset += size
        if should_stop():
            raise Stopped
    if offset < os.fstat(source).st_size:  # some file systems copy nothing, and say so
        raise OSError(errno.EINVAL, "not copied")


def _copied(source: int, target: int, should_stop: ShouldStop) -> None:
    offset = 0
    while data := os.pread(source, 1 << 20, offset):
        view = memoryview(data)
        while view:
            size = os.pwrite(target, view, offset)
            offset, view = offset + size, view[size:]
        if should_stop():
            raise Stopped
