"""Dask's scheduler and worker without the HTTP server that both would start: no port but that of the protocol. And its
client."""

from __future__ import annotations

from typing import Any

from distributed import Client, Scheduler, Worker


class QuietScheduler(Scheduler):  # type: ignore[misc]  # Dask has no types
    """A scheduler without HTTP."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Start none."""


class QuietWorker(Worker):  # type: ignore[misc]
    """A worker without HTTP."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Start none."""


class FirmClient(Client):  # type: ignore[misc]
    """A client that is closed once it has lost its scheduler. The next one at that address may be another, which knows
    nothing of what was subscribed and submitted."""

    async def _reconnect(self) -> None:
        await self._close(fast=True)
