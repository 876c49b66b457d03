"""The directory that attempts write into on a worker: the run directory, or where that does not exist a spool."""

from __future__ import annotations

import os

from msgspec.structs import replace

from orchestrator.cluster.hello import Setup
from orchestrator.cluster.worker.own_directory import OwnDirectory
from orchestrator.cluster.worker.spool import Spool
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.journal.file_names import LOGS
from orchestrator.journal.rundir import open_run


class SharedRun:
    """The run directory itself, as pexec has it; with `is_elsewhere`, temporary directories are the worker's own."""

    spool = None

    def __init__(self, path: str, *, is_elsewhere: bool) -> None:
        self.path = path
        self._run = open_run(os.path.dirname(path), os.path.basename(path))
        self.logs = self._run.folder(LOGS)
        self._own = OwnDirectory() if is_elsewhere else None

    def local(self, spec: AttemptSpec) -> AttemptSpec:
        """The attempt as it runs here."""
        return spec if self._own is None or spec.keep_temp else replace(spec, temp_dir=self._own.path)

    def remove_temporary(self) -> None:
        """Nothing runs any more."""
        if self._own is not None:
            self._own.close()

    def close(self) -> None:
        """Nothing is written any more."""
        self._run.close()


class SpooledRun:
    """A directory of the worker's own in its place."""

    def __init__(self, project: str) -> None:
        self.spool = Spool(project)
        self.path, self.logs, self.local = self.spool.path, self.spool.logs, self.spool.local
        self.remove_temporary = self.close = self.spool.close


RunOnWorker = SharedRun | SpooledRun


def open_run_on_worker(setup: Setup) -> RunOnWorker:
    """Those of the run that this worker has joined."""
    if setup.project is not None:
        return SpooledRun(setup.project)
    return SharedRun(setup.run_dir, is_elsewhere=setup.environ is not None)
