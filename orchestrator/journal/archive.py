"""A run directory as one `.tar.gz`: regular files only, sorted by name, links not followed.

The same directory gives the same bytes: owner, group and the time of packing are left out.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.file_names import TEMP
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import SAFE, failed, open_folder, open_regular
from orchestrator.journal.target_file import put_in_place, refuse_target

LEVEL = 6


class Archived(Struct, frozen=True):
    """What was packed. `left_out` are the paths that are neither files nor directories: links, pipes."""

    path: str
    files: int
    size: int
    left_out: tuple[str, ...]


def archive_name(run_id: str) -> str:
    """`archive_<run id>.tar.gz`."""
    return f"archive_{run_id}.tar.gz"


def write_archive(rundir: RunDir, target: str | None = None) -> Archived:
    """Pack the directory into `target`, by default into the directory itself, by a rename, with mode 0600.

    Temporary and hidden files and archives of runs are not packed. Raises EnvironmentFailedError, and RefusedError if
    something else than a regular file is at the target.
    """
    path = os.path.abspath(target) if target is not None else rundir.path_of(archive_name(rundir.run_id))
    above, name = os.path.split(path)
    temporary = f".{name}.{os.urandom(4).hex()}.tmp"
    try:
        directory = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if target else os.dup(rundir.folder())
    except OSError as error:
        raise failed(f"`{above}` cannot be opened", error) from error
    try:
        refuse_target(path, replaces=True, directory=directory)  # before the work
        packed = _pack(rundir, directory, temporary)
        put_in_place(temporary, path, directory)
        return Archived(path, packed.files, os.stat(name, dir_fd=directory).st_size, tuple(packed.left_out))
    except OSError as error:
        raise failed(f"`{path}` cannot be written", error) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        os.close(directory)


class _Packing:
    """The archive being written, and what has been packed so far."""

    def __init__(self, tar: tarfile.TarFile, run_id: str) -> None:
        self._tar = tar
        self._run_id = run_id
        self.files = 0
        self.left_out: list[str] = []

    def directory(self, descriptor: int, path: str) -> None:
        """Pack the content of a directory; `path` is its path in the run directory, empty or with a trailing slash."""
        for name in sorted(os.listdir(descriptor)):
            if _is_packed(path, name):
                mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    inner = open_folder(descriptor, name, path + name)
                    try:
                        self.directory(inner, f"{path}{name}/")
                    finally:
                        os.close(inner)
                elif stat.S_ISREG(mode):
                    self._file(descriptor, path, name)
                else:
                    self.left_out.append(path + name)

    def _file(self, directory: int, path: str, name: str) -> None:
        with open(open_regular(directory, name, os.O_RDONLY), "rb") as file:
            facts = os.fstat(file.fileno())
            entry = tarfile.TarInfo(f"{self._run_id}/{path}{name}")
            entry.size, entry.mtime, entry.mode = facts.st_size, int(facts.st_mtime), stat.S_IMODE(facts.st_mode)
            try:
                self._tar.addfile(entry, file)
            except OSError as error:
                if error.errno is None:  # tarfile's own: the file is shorter than its size was
                    message = f"`{path}{name}` changed while it was packed"
                    raise EnvironmentFailedError(message, code="PX302") from error
                raise
        self.files += 1


def _pack(rundir: RunDir, directory: int, temporary: str) -> _Packing:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE, 0o600, dir_fd=directory)
    with open(descriptor, "wb") as out:
        os.fchmod(descriptor, 0o600)
        with _gzipped(out) as packed, tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as tar:
            packing = _Packing(tar, rundir.run_id)
            packing.directory(rundir.folder(), "")
        out.flush()
        os.fsync(descriptor)
    return packing


@contextlib.contextmanager
def _gzipped(out: BinaryIO) -> Iterator[gzip.GzipFile]:
    """Without the time and the name that gzip writes into its header."""
    with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=out, mtime=0) as packed:
        yield packed


def _is_packed(path: str, name: str) -> bool:
    is_archive = name.startswith("archive_") and name.endswith(".tar.gz")
    return bool(path) or not (name.startswith(".") or name == TEMP or is_archive)
