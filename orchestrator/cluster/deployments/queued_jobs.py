"""Workers as jobs of a queueing system, by dask-jobqueue, without what it does to the configuration of the user."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import dask.config
from distributed.deploy.spec import ProcessInterface, SpecCluster


def _import_job() -> Any:
    """When it is imported, dask-jobqueue puts a file into the user's configuration, and handles SIGINT for a part of it
    that is not used here."""
    ensure_file, dask.config.ensure_file = dask.config.ensure_file, lambda **_: None
    unused: Any = ModuleType("dask_jobqueue.runner")
    unused.Role = unused.BaseRunner = object
    sys.modules.setdefault(unused.__name__, unused)
    try:
        from dask_jobqueue.slurm import SLURMJob
    finally:
        dask.config.ensure_file = ensure_file
        if sys.modules[unused.__name__] is unused:
            del sys.modules[unused.__name__]
    return SLURMJob


class QueuedSlurmJob(_import_job()):  # type: ignore[misc]  # Dask has no types
    """`on_refused(why)` is called if it cannot be submitted."""

    def __init__(self, *args: Any, on_refused: Callable[[str], None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._on_refused = on_refused

    async def start(self) -> None:
        """Submit it."""
        try:
            await super().start()
        except Exception as error:
            lines = [line.partition("error: ")[2].strip() for line in str(error).splitlines() if "error: " in line]
            self._on_refused("; ".join(lines) or str(error))
            await ProcessInterface.start(self)  # for Dask it is there, without a job


class QueuedCluster(SpecCluster):  # type: ignore[misc]
    """Dask's cluster of specified workers; no worker gets the name of another."""

    async def settled(self) -> None:
        """Return when nothing is being submitted."""
        async with self._lock:
            return

    def new_worker_spec(self) -> dict[str, Any]:
        """The next worker."""
        self._i += 1
        return {f"job-{self._i}": self.new_spec}
