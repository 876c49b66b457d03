"""Opening and making directories and files without following planted links, with the modes 0700 and 0600."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterable, Iterator

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.file_names import HOME

SAFE = os.O_NOFOLLOW | os.O_CLOEXEC
_WORTH_A_CALL = 256 * 1024
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def open_root(root: str, *, create: bool) -> int:
    """The descriptor of the directory `root` (an absolute path) that holds runs; with `create` it is made if needed.

    Directories above it may be links; `root` itself and a `.pexec` directly above it must not be.
    Runs are hidden from version control by a `.gitignore` in `.pexec`, else in a root that was made here.
    """
    above, name = os.path.split(root)
    names: tuple[str, ...] = (name,)
    if os.path.basename(above) == HOME:
        above, names = os.path.dirname(above), (HOME, name)
    try:
        if create:
            os.makedirs(above, mode=0o700, exist_ok=True)
        directory = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise failed(f"`{above}` cannot be opened", error) from error
    path = above
    for position, one in enumerate(names):
        path = os.path.join(path, one)
        try:
            made = create and _make_if_missing(directory, one, path)
            inner = open_folder(directory, one, path, private=made)
        finally:
            os.close(directory)
        directory = inner
        if create and position == 0 and (made or one == HOME):
            _ignore(directory, path)
    return directory


def open_folder(parent: int, name: str, path: str, *, private: bool = False) -> int:
    """The descriptor of the directory `name` in `parent`; `path` is for errors. `private` sets its mode to 0700.

    Raises EnvironmentFailedError, also if it is a link.
    """
    try:
        directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFE, dir_fd=parent)
    except OSError as error:
        if _is_link(parent, name):
            raise EnvironmentFailedError(
                f"`{path}` is a link; pexec writes only into its own directories",
                help="remove the link, or name another directory with `--run-root`",
                code="PX301",
            ) from error
        raise failed(f"`{path}` cannot be opened", error) from error
    if private:
        try:
            os.fchmod(directory, 0o700)
        except OSError as error:
            os.close(directory)
            raise failed(f"the mode of `{path}` cannot be set", error) from error
    return directory


def open_regular(parent: int, name: str, flags: int) -> int:
    """The descriptor of a regular file, which is made with mode 0600 if `flags` has O_CREAT. Raises OSError."""
    # Without O_NONBLOCK, opening a planted pipe would wait for its other end.
    descriptor = os.open(name, flags | os.O_NONBLOCK | SAFE, 0o600, dir_fd=parent)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "not a regular file")
    return descriptor


def write_new(parent: int, name: str, data: bytes | Iterable[bytes]) -> None:
    """Write a file that must not exist yet, with mode 0600; large data may come in chunks. Raises OSError."""
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE, 0o600, dir_fd=parent)
    try:
        os.fchmod(descriptor, 0o600)
        for piece in (data,) if isinstance(data, bytes) else _of_a_size(data):
            view = memoryview(piece)
            while view:
                view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def _of_a_size(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in chunks that are large enough for one system call each."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _WORTH_A_CALL:
            yield b"".join(gathered)
            gathered, size = [], 0
    yield b"".join(gathered)


def remove_tree(parent: int, name: str) -> None:
    """Remove a directory and everything in it; no link is followed. Raises OSError if something could not be removed.

    Nested directories are first moved to the top, so that the depth of a tree is not limited by the recursion limit,
    the length of a path, or the number of descriptors.
    """
    top = _opened_up(parent, name)
    try:
        numbers = itertools.count()
        waiting = _emptied(top)
        while waiting:
            inner_name = waiting.pop()
            with contextlib.suppress(OSError):
                inner = _opened_up(top, inner_name)
                try:
                    for deeper in _emptied(inner):
                        with contextlib.suppress(OSError):  # it stays, or someone else has just removed it
                            waiting.append(_moved_up(inner, deeper, top, numbers))
                finally:
                    os.close(inner)
                os.rmdir(inner_name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=parent)


def failed(what: str, error: OSError) -> EnvironmentFailedError:
    """The error `what`, with the reason that the system gives."""
    return EnvironmentFailedError(f"{what}: {(error.strerror or str(error)).lower()}", code="PX301")


def _make_if_missing(parent: int, name: str, path: str) -> bool:
    """Whether the directory was made here."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise failed(f"`{path}` cannot be created", error) from error
    return True


def _is_link(parent: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _ignore(directory: int, path: str) -> None:
    try:
        write_new(directory, ".gitignore", b"*\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise failed(f"`{path}/.gitignore` cannot be written", error) from error


def _opened_up(parent: int, name: str) -> int:
    """The descriptor of a directory whose entries may be removed now; some tools make read-only caches."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | SAFE, dir_fd=parent)
    try:
        with contextlib.suppress(OSError):
            os.chmod(f"/proc/self/fd/{place}", stat.S_IRWXU)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | SAFE, dir_fd=place)
    finally:
        os.close(place)


def _emptied(directory: int) -> list[str]:
    """Remove everything that is not a directory; the names of the directories that are left."""
    with os.scandir(directory) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    for name, is_folder in entries:
        if not is_folder:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=directory)
    return [name for name, is_folder in entries if is_folder]


def _moved_up(directory: int, name: str, top: int, numbers: Iterator[int]) -> str:
    """Move a directory to `top`; its new name there. Raises OSError."""
    os.close(_opened_up(directory, name))  # moving a directory writes to it: its `..` changes
    while True:
        new = str(next(numbers))
        try:
            os.rename(name, new, src_dir_fd=directory, dst_dir_fd=top)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        else:
            return new
