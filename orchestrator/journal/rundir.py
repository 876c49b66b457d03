"""The directory of one run: safe opening of its files, and the lock that allows only one writer.

Directories are 0700, files 0600, whatever the umask. Everything is opened relative to the run directory's descriptor
and without following links, so that a planted link cannot redirect a write.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterable
from typing import Self

from orchestrator.errors import EnvironmentFailedError, RefusedError, UsageError
from orchestrator.journal.file_names import (
    CERTIFICATES,
    DEFAULT_ROOT,
    JOURNAL,
    LOGS,
    STATUS,
    TEMP,
    log_name,
    status_name,
)
from orchestrator.journal.run_id import is_run_id, new_run_id
from orchestrator.journal.safe_files import failed, open_folder, open_regular, open_root, remove_tree, write_new

__all__ = ["DEFAULT_ROOT", "LOGS", "STATUS", "TEMP", "RunDir", "create_run", "find_run", "list_runs", "open_run"]

LAST, PREVIOUS = "last", "previous"  # in place of an ID, which always begins with a digit
# A process that checks whether a run is driven shares its lock for microseconds, or longer if a busy machine does not
# let it continue. That must not refuse a writer.
_PATIENCE = 10.0
_PAUSE = 0.02

_PID = re.compile(rb'"event":"run\.(?:started|resumed)",[^\n]*?"pid":(\d+)')


class RunDir:
    """An open run directory. `path` is absolute. Made by `create_run`, `open_run` and `find_run`; close it after use.

    Names are relative to the directory: `plan.json`, `status/build.status`. Methods raise EnvironmentFailedError if a
    file operation fails.
    """

    log_name = staticmethod(log_name)
    status_name = staticmethod(status_name)

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.run_id = os.path.basename(path)
        self._folders = {"": descriptor}
        self._journal: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the directory, and release the lock if it is held."""
        descriptors = [*self._folders.values(), *([] if self._journal is None else [self._journal])]
        self._folders, self._journal = {}, None
        for descriptor in descriptors:
            os.close(descriptor)

    def path_of(self, name: str) -> str:
        """The absolute path of a file."""
        return f"{self.path}/{name}"

    def folder(self, name: str = "") -> int:
        """The descriptor of the run directory, or of `logs`, `status` or `tmp` in it. It belongs to this object."""
        if name not in self._folders:
            self._folders[name] = open_folder(self._folders[""], name, self.path_of(name))
        return self._folders[name]

    def open_for_reading(self, name: str) -> int:
        """A descriptor of the regular file `name`, which the caller must close. Raises OSError."""
        return open_regular(*self._place(name), os.O_RDONLY)

    def read(self, name: str) -> bytes:
        """The whole content of a file, which must exist."""
        try:
            with os.fdopen(self.open_for_reading(name), "rb") as file:
                return file.read()
        except OSError as error:
            raise failed(f"`{self.path_of(name)}` cannot be read", error) from error

    def digest(self, name: str) -> str:
        """The SHA-256 of a file's content, in hexadecimal digits. Raises OSError."""
        import hashlib

        with os.fdopen(self.open_for_reading(name), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def replace(self, name: str, data: bytes | Iterable[bytes]) -> None:
        """Put `data`, which may come in pieces, into a file so that a reader sees the old content or the new one, never
        a mixture."""
        directory, base = self._place(name)
        temporary = f".{base}.{os.urandom(4).hex()}.tmp"
        try:
            write_new(directory, temporary, data)
            os.rename(temporary, base, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            if isinstance(error, OSError):
                raise failed(f"`{self.path_of(name)}` cannot be written", error) from error
            raise

    def make_durable(self, name: str) -> None:
        """Wait until a file and the directory entries that lead to it are on disk."""
        path = self.path
        try:
            _sync_and_close(self.open_for_reading(name))
            os.fsync(self.folder())
            for _ in range(3):  # the root, `.pexec`, and its parent
                path = os.path.dirname(path)
                with contextlib.suppress(PermissionError):  # a directory that cannot be listed was not made here
                    _sync_and_close(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError as error:
            raise failed(f"`{self.path_of(name)}` cannot be written to the disk", error) from error

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        directory, base = self._place(name)
        try:
            os.unlink(base, dir_fd=directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise failed(f"`{self.path_of(name)}` cannot be removed", error) from error

    def put_aside(self, name: str) -> bool:
        """Add `.unrecorded` to a file's name. False if there is no such file."""
        directory, base = self._place(name)
        try:
            os.rename(base, f"{base}.unrecorded", src_dir_fd=directory, dst_dir_fd=directory)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise failed(f"`{self.path_of(name)}` cannot be renamed", error) from error
        return True

    def lock(self) -> int:
        """Become the writer of this run. Returns the journal's descriptor, for appending; it belongs to this object.

        Raises RefusedError if another process, or another object of this process, is the writer.
        """
        if self._journal is None:
            self._journal = self._locked_journal()
            self._sweep()
        return self._journal

    def make_folders(self) -> None:
        """Make `logs`, `status` and `tmp` where they are missing."""
        try:
            for name in (LOGS, STATUS, TEMP):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=self.folder())
                os.fchmod(self.folder(name), 0o700)
        except OSError as error:
            raise failed(f"`{self.path}` cannot be set up", error) from error

    def tidy(self) -> None:
        """Remove what a killed writer left unfinished in `status`, and the temporary directories of its attempts.

        Those that are kept on purpose are named like a log, and remain.
        """
        for name in os.listdir(self.folder(STATUS)):
            if name.startswith("."):
                self.remove(f"{STATUS}/{name}")
        for name in os.listdir(self.folder(TEMP)):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    remove_tree(self.folder(TEMP), name)

    def _locked_journal(self) -> int:
        try:
            journal = open_regular(*self._place(JOURNAL), os.O_RDWR | os.O_APPEND | os.O_CREAT)
        except OSError as error:
            raise failed(f"`{self.path_of(JOURNAL)}` cannot be opened", error) from error
        try:
            _lock(journal)
            os.fchmod(journal, 0o600)
        except BlockingIOError as error:
            os.close(journal)
            raise self._refusal() from error
        except OSError as error:
            os.close(journal)
            raise failed(f"`{self.path_of(JOURNAL)}` cannot be locked", error) from error
        return journal

    def _refusal(self) -> RefusedError:
        # The lock has no pid that is valid across pid namespaces; the journal names its writer.
        found = _PID.findall(self.read(JOURNAL))
        who = f"process {int(found[-1])}" if found else "another process"
        return RefusedError(
            f"run `{self.run_id}` is in use by {who}",
            help=f"wait until it ends, or stop it with `pexec cancel --run {self.run_id}`",
            code="PX404",
        )

    def _sweep(self) -> None:
        """Remove the temporary files of a killed writer, and its certificates."""
        for name in os.listdir(self.folder()):
            if name.startswith(".") and name.endswith(".tmp"):
                self.remove(name)
            elif name == CERTIFICATES:
                remove_tree(self.folder(), name)

    def _place(self, name: str) -> tuple[int, str]:
        directory, _, base = name.rpartition("/")
        return self.folder(directory), base


def create_run(root: str) -> RunDir:
    """A new run directory `<root>/<UTC time>-<random>/`; `root` is made if needed.

    Raises EnvironmentFailedError if it cannot be made, or if `root` or the `.pexec` above it is a link.
    """
    root = os.path.abspath(root)
    parent = open_root(root, create=True)
    try:
        run_id = _make_run(parent)
        run = RunDir(f"{root}/{run_id}", open_folder(parent, run_id, f"{root}/{run_id}", private=True))
    except OSError as error:
        raise failed(f"a run directory cannot be created in `{root}`", error) from error
    finally:
        os.close(parent)
    try:
        run.make_folders()
    except EnvironmentFailedError:
        run.close()
        raise
    return run


def open_run(root: str, run_id: str) -> RunDir:
    """An existing run directory, by its full id."""
    root = os.path.abspath(root)
    parent = open_root(root, create=False)
    try:
        return RunDir(f"{root}/{run_id}", open_folder(parent, run_id, f"{root}/{run_id}"))
    finally:
        os.close(parent)


def list_runs(root: str) -> list[str]:
    """The ids of all runs, oldest first; none if the root does not exist."""
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise failed(f"`{root}` cannot be read", error) from error
    return sorted(name for name in names if is_run_id(name))


def find_run(root: str, prefix: str | None = None) -> RunDir:
    """The run whose id begins with `prefix`, or which `last` or `previous` names; by default the last one. Raises
    UsageError for no match or several."""
    runs = list_runs(root)
    if not runs:
        raise UsageError(f"no runs in `{root}`", help="`pexec apply` starts one; `--run-root` looks elsewhere")
    if prefix in (None, LAST):
        return open_run(root, runs[-1])
    if prefix == PREVIOUS:
        if len(runs) == 1:
            raise UsageError(f"no run before the last one in `{root}`", help="`pexec runs` lists all runs")
        return open_run(root, runs[-2])
    found = [run for run in runs if run.startswith(prefix)] if prefix else []
    if not found:
        raise UsageError(f"no run `{prefix}` in `{root}`", help="`pexec runs` lists all runs")
    if len(found) > 1:
        raise UsageError(
            f"`{prefix}` is ambiguous: it matches {len(found)} runs",
            help=f"the first two are `{found[0]}` and `{found[1]}`",
        )
    return open_run(root, found[0])


def _sync_and_close(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(journal: int) -> None:
    """Raises BlockingIOError if another process is the writer. One that only checks whether there is one shares the
    lock, and is waited for."""
    give_up_at = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up_at:
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)  # fails if there is a writer
        fcntl.flock(journal, fcntl.LOCK_UN)
        time.sleep(_PAUSE)
    return fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _make_run(parent: int) -> str:
    """Make the directory of a run whose ID comes after those of all others: the last run is the newest one also after
    the clock went back. Its journal has the real time."""
    newest = max(filter(is_run_id, os.listdir(parent)), default="")
    while True:
        run_id = new_run_id(newest)
        with contextlib.suppress(FileExistsError):
            os.mkdir(run_id, 0o700, dir_fd=parent)
            return run_id
