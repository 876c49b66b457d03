"""The settings of Dask for what pexec starts: its own, whatever the user's configuration says."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SETTINGS: dict[str, Any] = {
    # A task is an attempt, which must not run twice: neither elsewhere nor again.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
    # A scheduler that was suspended for long finds all its workers silent.
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.nanny.pre-spawn-environ": {},
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.tick.limit": "1h",
    # What is never read: messages of workers, results among them, and transitions of tasks.
    "distributed.admin.low-level-log-length": 100,
    "distributed.admin.log-length": 100,
    "distributed.comm.require-encryption": True,
    # Messages are small, and to find that out takes longer than to send them.
    "distributed.comm.offload": False,
    "distributed.deploy.lost-worker-timeout": "1h",
}


def use_own_settings(*, encrypted: bool = True) -> None:
    """Before `distributed` is imported. In a program that uses Dask itself, its other settings stay."""
    if "dask" in sys.modules:
        import dask.config
    else:
        import dask.config

        dask.config.refresh(paths=[], env={})
    dask.config.set(SETTINGS)  # some are read by the import
    import distributed

    dask.config.set({**SETTINGS, "distributed.comm.require-encryption": encrypted})
    logger = logging.getLogger(distributed.__name__)
    logger.handlers = [logging.NullHandler()]
    logger.setLevel(logging.CRITICAL)
    logger.propagate = False


@contextmanager
def no_files_in_user_configuration() -> Iterator[None]:
    """While packages of Dask are imported, which put an example of their settings there."""
    import dask.config

    ensure_file, dask.config.ensure_file = dask.config.ensure_file, lambda **_: None
    try:
        yield
    finally:
        dask.config.ensure_file = ensure_file
