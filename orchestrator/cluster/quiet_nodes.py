"""Dask's scheduler and worker without the HTTP server that both would start: no port but that of the protocol. And its
client."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from distributed import Client, Scheduler, Security, Status, Worker

_LOOK_SECONDS = 0.2


class QuietScheduler(Scheduler):  # type: ignore[misc]  # Dask has no types
    """A scheduler without HTTP. It needs no scratch directory, of which Dask would leave a part where others are."""

    def __init__(self, *args: Any, **more: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="pexec-scheduler-") as scratch:
            before = list(sys.path)
            super().__init__(*args, local_directory=scratch, **more)
            sys.path[:] = before

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Start none."""


class QuietWorker(Worker):  # type: ignore[misc]
    """A worker without HTTP."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Start none."""

    async def run_until_it_closes(self) -> None:
        """Return as soon as it begins to close. `finished` waits for the whole close, and thus perhaps for a scheduler
        that is gone."""
        while self.status in (Status.running, Status.paused):
            await asyncio.sleep(_LOOK_SECONDS)


_SPARE_THREADS = 4  # for attempts that were given up


def quiet_worker(
    scheduler: str, slots: int, scratch: str, join_seconds: float, tls: Mapping[str, str], **more: Any
) -> QuietWorker:
    """A worker of this scheduler that runs so many jobs at once, and ends itself if it does not find the scheduler in
    time. `scratch` is its directory, `tls` has fields of `Security`."""
    return QuietWorker(
        scheduler,
        nthreads=slots + _SPARE_THREADS,
        memory_limit=0,
        dashboard=False,
        local_directory=scratch,
        death_timeout=join_seconds,
        security=Security(require_encryption=True, **tls),
        **more,
    )


class FirmClient(Client):  # type: ignore[misc]
    """A client that is closed once it has lost its scheduler. The next one at that address may be another, which knows
    nothing of what was subscribed and submitted."""

    async def _reconnect(self) -> None:
        await self._close(fast=True)
