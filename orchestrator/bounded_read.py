"""Reading files that a user or a repository names: regular files only, and never more than a number of bytes."""

from __future__ import annotations

import os
import stat


def read_bounded(path: str, limit: int) -> bytes:
    """At most `limit` bytes of the regular file at `path`; links are followed.

    Raises OSError, also for anything else than a regular file: a device has no end, and a pipe may never be written to.
    """
    # Not blocking: a named pipe is opened at once, seen not to be a regular file, and closed.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(0, "is a directory")
        if not stat.S_ISREG(mode):
            raise OSError(0, "not a regular file")
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(limit)
    finally:
        os.close(descriptor)
