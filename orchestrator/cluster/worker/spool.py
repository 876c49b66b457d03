"""What attempts write on a worker that does not see the run directory: a private directory of its own disk, from which
pexec pulls the logs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import suppress

from msgspec.structs import replace

from orchestrator.cluster.worker.own_directory import OwnDirectory
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.execute.warden.scarcity import SCARCITY
from orchestrator.journal.file_names import LOGS, TEMP
from orchestrator.journal.safe_files import open_regular

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Spool:
    """In the place of the run directory, on a worker where the project is at `project`. Safe to use from several
    threads. Jobs get its path; nothing of ours is opened by it."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._own = OwnDirectory()
        self.path = f"{self._own.path}/run"  # a sandbox protects the directory around that of a run
        for path in (self.path, f"{self.path}/{LOGS}"):
            os.mkdir(path, 0o700)
        self.logs = os.open(f"{self.path}/{LOGS}", _DIRECTORY)
        self._lock = threading.Lock()
        self._names: dict[int, str] = {}  # serial -> of its log, until pexec has it
        self._seen: dict[int, int] = {}  # serial -> the size that was last reported

    def local(self, spec: AttemptSpec) -> AttemptSpec:
        """The attempt as it runs here."""
        name = os.path.basename(spec.log_name)
        with self._lock:
            self._names[spec.serial] = name
        return replace(
            spec,
            env={**spec.env, "PEXEC_RUN_DIR": self.path},
            base_dir=self._project,
            run_dir=self.path,
            log=f"{self.path}/{LOGS}/{name}",
            temp_dir=f"{self.path}/{TEMP}",
            keep_temp=False,
        )

    def grown(self, serials: Iterable[int]) -> list[int]:
        """Those of these attempts whose logs have grown since this was last asked."""
        found = []
        for serial in serials:
            size = self._size(serial)
            if size > self._seen.get(serial, 0):
                self._seen[serial] = size
                found.append(serial)
        return found

    def read(self, serial: int, offset: int, most: int) -> bytes | None:
        """A part of the log of an attempt; nothing if it has none, or no more; None if it is not here any more. Raises
        OSError if there is no room to open it now."""
        with self._lock:
            name = self._names.get(serial)
        if name is None:
            return None
        try:
            descriptor = open_regular(self.logs, name, os.O_RDONLY)
        except FileNotFoundError:
            return b""
        except OSError as error:
            if error.errno in SCARCITY:
                raise  # there is more of it later
            return None  # its job has put something else in its place
        try:
            return os.pread(descriptor, most, offset)
        finally:
            os.close(descriptor)

    def drop(self, serials: Iterable[int]) -> None:
        """The logs of these attempts are not needed here any more."""
        for serial in serials:
            with self._lock:
                name = self._names.pop(serial, None)
                self._seen.pop(serial, None)
            if name is not None:
                self._remove(name)

    @property
    def is_drained(self) -> bool:
        """Whether pexec has all logs."""
        with self._lock:
            return not self._names

    def close(self) -> None:
        """Remove everything. A second time does nothing."""
        if self.logs >= 0:
            os.close(self.logs)
            self.logs = -1
        self._own.close()

    def _size(self, serial: int) -> int:
        name = self._names.get(serial)
        try:
            return 0 if name is None else os.stat(name, dir_fd=self.logs, follow_symlinks=False).st_size
        except OSError:
            return 0

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # never made, or removed by a job
            os.unlink(name, dir_fd=self.logs)
