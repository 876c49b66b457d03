"""The folder of one run: safe opening of its files, and the lock that keeps one writer.

Folders are 0700, files 0600, whatever the umask. Everything is opened relative to the run folder's descriptor and
without following links, so that nothing planted can lead a write elsewhere.
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
from orchestrator.journal.file_names import DEFAULT_ROOT, JOURNAL, LOGS, STATUS, TEMP, log_name, status_name
from orchestrator.journal.safe_files import failed, open_folder, open_regular, open_root, remove_tree, write_new

__all__ = ["DEFAULT_ROOT", "LOGS", "STATUS", "TEMP", "RunDir", "create_run", "find_run", "list_runs", "open_run"]

# Who looks whether a run is driven holds its lock for microseconds; that must not refuse a writer.
_TRIES = 3
_PAUSE = 0.02

_RUN_ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}")
_PID = re.compile(rb'"event":"run\.(?:started|resumed)",[^\n]*?"pid":(\d+)')


class RunDir:
    """An open run folder. `path` is absolute. Made by `create_run`, `open_run` and `find_run`; close it after use.

    Names are as inside the folder: `plan.json`, `status/build.status`. Methods raise EnvironmentFailedError when the
    disk or the folder does not do what is asked.
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
        """Give up the folder, and the lock if it is held."""
        descriptors = [*self._folders.values(), *([] if self._journal is None else [self._journal])]
        self._folders, self._journal = {}, None
        for descriptor in descriptors:
            os.close(descriptor)

    def path_of(self, name: str) -> str:
        """The absolute path of a file."""
        return f"{self.path}/{name}"

    def folder(self, name: str = "") -> int:
        """The descriptor of the run folder, or of `logs`, `status` or `tmp` in it. It stays this object's own."""
        if name not in self._folders:
            self._folders[name] = open_folder(self._folders[""], name, self.path_of(name))
        return self._folders[name]

    def open_for_reading(self, name: str) -> int:
        """A descriptor of the regular file `name`, which the caller closes. Raises OSError."""
        return open_regular(*self._place(name), os.O_RDONLY)

    def read(self, name: str) -> bytes:
        """The whole content of a file, which must be there."""
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
        a part."""
        folder, base = self._place(name)
        temporary = f".{base}.{os.urandom(4).hex()}.tmp"
        try:
            write_new(folder, temporary, data)
            os.rename(temporary, base, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            if isinstance(error, OSError):
                raise failed(f"`{self.path_of(name)}` cannot be written", error) from error
            raise

    def make_durable(self, name: str) -> None:
        """Wait until the disk has a file, and the names of all that lead to it."""
        path = self.path
        try:
            _sync_and_close(self.open_for_reading(name))
            os.fsync(self.folder())
            for _ in range(3):  # the root, `.pexec`, and what holds it
                path = os.path.dirname(path)
                with contextlib.suppress(PermissionError):  # a folder that we may not list was not made here
                    _sync_and_close(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError as error:
            raise failed(f"`{self.path_of(name)}` cannot be written to the disk", error) from error

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        folder, base = self._place(name)
        try:
            os.unlink(base, dir_fd=folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise failed(f"`{self.path_of(name)}` cannot be removed", error) from error

    def put_aside(self, name: str) -> bool:
        """Add `.unrecorded` to a file's name. False if there is no such file."""
        folder, base = self._place(name)
        try:
            os.rename(base, f"{base}.unrecorded", src_dir_fd=folder, dst_dir_fd=folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise failed(f"`{self.path_of(name)}` cannot be renamed", error) from error
        return True

    def lock(self) -> int:
        """Become the one writer of this run. Returns the journal's descriptor, for appending; it stays this object's.

        Raises RefusedError when another process, or another object of this one, is the writer.
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
            raise failed(f"`{self.path}` cannot be filled", error) from error

    def tidy(self) -> None:
        """Remove what a killed writer left half done in `status`, and the temporary folders of its attempts.

        Those that are kept on purpose are named like a log, and stay.
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
        # The lock itself knows no pid that holds across pid namespaces; the journal says who writes it.
        found = _PID.findall(self.read(JOURNAL))
        who = f"process {int(found[-1])}" if found else "another process"
        return RefusedError(
            f"run `{self.run_id}` is driven by {who}",
            help=f"wait until it ends, or stop it with `pexec cancel --run {self.run_id}`",
            code="PX404",
        )

    def _sweep(self) -> None:
        """Remove what a killed writer left of files that it was replacing."""
        for name in os.listdir(self.folder()):
            if name.startswith(".") and name.endswith(".tmp"):
                self.remove(name)

    def _place(self, name: str) -> tuple[int, str]:
        folder, _, base = name.rpartition("/")
        return self.folder(folder), base


def create_run(root: str) -> RunDir:
    """A new run folder `<root>/<UTC time>-<random>/`; `root` is made if needed.

    Raises EnvironmentFailedError when it cannot be made, also when `root` or the `.pexec` above it is a link.
    """
    root = os.path.abspath(root)
    parent = open_root(root, create=True)
    try:
        run_id = _make_run(parent)
        run = RunDir(f"{root}/{run_id}", open_folder(parent, run_id, f"{root}/{run_id}", private=True))
    except OSError as error:
        raise failed(f"a run folder cannot be made in `{root}`", error) from error
    finally:
        os.close(parent)
    try:
        run.make_folders()
    except EnvironmentFailedError:
        run.close()
        raise
    return run


def open_run(root: str, run_id: str) -> RunDir:
    """An existing run folder, by its whole id."""
    root = os.path.abspath(root)
    parent = open_root(root, create=False)
    try:
        return RunDir(f"{root}/{run_id}", open_folder(parent, run_id, f"{root}/{run_id}"))
    finally:
        os.close(parent)


def list_runs(root: str) -> list[str]:
    """The ids of all runs, oldest first; none when there is no such root."""
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise failed(f"`{root}` cannot be read", error) from error
    return sorted(name for name in names if _RUN_ID.fullmatch(name))


def find_run(root: str, prefix: str | None = None) -> RunDir:
    """The run whose id begins with `prefix`; without one the last run. Raises UsageError for none or several."""
    runs = list_runs(root)
    if not runs:
        raise UsageError(f"there is no run in `{root}`", help="`pexec apply` makes one; `--run-root` looks elsewhere")
    if prefix is None:
        return open_run(root, runs[-1])
    found = [run for run in runs if run.startswith(prefix)] if prefix else []
    if not found:
        raise UsageError(f"there is no run `{prefix}` in `{root}`", help="`pexec runs` lists all runs")
    if len(found) > 1:
        raise UsageError(
            f"`{prefix}` may be any of {len(found)} runs", help=f"the first two are `{found[0]}` and `{found[1]}`"
        )
    return open_run(root, found[0])


def _sync_and_close(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(journal: int) -> None:
    """Raises BlockingIOError when another process holds the lock, and does not only look whether somebody does."""
    for _ in range(_TRIES):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(_PAUSE)
    return fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _make_run(parent: int) -> str:
    while True:
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
        run_id = f"{stamp}.{nanoseconds // 1000:06}Z-{os.urandom(4).hex()}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(run_id, 0o700, dir_fd=parent)
            return run_id
