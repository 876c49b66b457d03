"""An error of the operating system that no command expected, as one line about what the machine lacks.

Commands report what they know better. This is for the rest: a missing `/proc`, a directory that is removed under a
command, a path that is too long. Errors that only a mistake in pexec can cause stay reports of a bug.
"""

from __future__ import annotations

import errno
import os
import re

from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError

_LONG = re.compile(r"([^\s`]{100})[^\s`]{300,}([^\s`]{80})")
_OF_PATHS = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ESTALE, errno.ETXTBSY}
_OF_SYSTEM = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENXIO, errno.ENODEV}
_OF_MACHINE = _OF_PATHS | _OF_DISKS | _OF_SYSTEM


def what_is_lacking(error: OSError) -> EnvironmentFailedError | None:
    """The error for users; None if it can only be a bug."""
    if error.errno is None or error.errno not in _OF_MACHINE:
        return None
    reason = os.strerror(error.errno).lower()
    if not _current_directory_exists():
        return EnvironmentFailedError(
            "the current directory no longer exists", help="change to another directory", code="PX301"
        )
    if error.filename is None:
        return EnvironmentFailedError(f"the system refused a request: {reason}", code="PX301")
    name = visible(os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename))
    help_ = "is `/proc` mounted?" if name.startswith("/proc/") and not os.path.exists("/proc/self/stat") else ""
    return EnvironmentFailedError(f"`{name}` cannot be used: {reason}", help=help_, code="PX301")


def with_short_paths(message: str) -> str:
    """The message with the middle of words of thousands of characters left out: only paths are that long."""
    return _LONG.sub(r"\1...\2", message)


def _current_directory_exists() -> bool:
    try:
        os.getcwd()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return True
