"""Files that a command writes where the user wants them: a new file, or where that is promised the replacement of one.

What is not a regular file is never replaced: a link may lead to something precious, and a device or a pipe that turns
into a file breaks other programs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from orchestrator.errors import RefusedError

_WITHOUT_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL)
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def refuse_target(path: str, *, replaces: bool, directory: int | None = None) -> None:
    """Raises RefusedError (PX407) if something is at `path` that must not be replaced: with `replaces`, anything but a
    regular file that this user may write to; else anything. `directory` is the descriptor of its directory, if open."""
    name = path if directory is None else os.path.basename(path)
    try:
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except OSError:  # it does not exist, or writing will report the reason
        return
    if not replaces:
        raise RefusedError(
            f"`{path}` already exists", help="pexec does not overwrite files; name another one with `-o`", code="PX407"
        )
    kind = _KINDS.get(stat.S_IFMT(mode))
    if kind is not None or not os.access(name, os.W_OK, dir_fd=directory):
        what = kind or "a file that you may not write to"
        raise RefusedError(
            f"`{path}` is {what}", help="pexec replaces only regular files; name another one with `-o`", code="PX407"
        )


def write_new_target(path: str, data: bytes) -> None:
    """Write a file that must not exist. Raises RefusedError if it does, OSError if it cannot be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        refuse_target(path, replaces=False)
        raise
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def replace_target(path: str, data: bytes) -> None:
    """Write a file by a rename: a reader finds the old content or the new one. Raises RefusedError if something else
    than a regular file is there, OSError if it cannot be written."""
    above, name = os.path.split(os.path.abspath(path))
    directory = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    temporary = f".{name}.{os.urandom(4).hex()}.tmp"
    try:
        refuse_target(path, replaces=True, directory=directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(temporary, flags, 0o666, dir_fd=directory), "wb") as stream:
            stream.write(data)
        put_in_place(temporary, path, directory)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        os.close(directory)


def put_in_place(temporary: str, path: str, directory: int) -> None:
    """Give the complete file `temporary` in `directory` its name, replacing at most a regular file.

    A name that is free is taken without replacing what another process puts there in the same moment. Raises
    RefusedError, OSError.
    """
    name = os.path.basename(path)
    try:
        os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        refuse_target(path, replaces=True, directory=directory)
    except OSError as error:
        if error.errno not in _WITHOUT_HARD_LINKS:
            raise
    else:
        os.unlink(temporary, dir_fd=directory)
        return
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
