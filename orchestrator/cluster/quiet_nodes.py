"""Dask's scheduler and worker without the HTTP server that both would start: no port but that of the protocol."""

from __future__ import annotations

from typing import Any

from distributed import Scheduler, Worker


class QuietScheduler(Scheduler):  # type: ignore[misc]  # Dask has no types
    """A scheduler without HTTP."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Start none."""


class QuietWorker(Worker):  # type: ignore[misc]
    """A worker without HTTP."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Start none."""
