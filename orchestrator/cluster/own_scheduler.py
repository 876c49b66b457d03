"""The scheduler of Dask that runs in pexec's own process: for workers that pexec starts itself.

Import this after `use_own_settings`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distributed import Client, Scheduler, Security
from distributed.diagnostics.plugin import SchedulerPlugin

_ROLES = ("ca_file", "client_key", "client_cert", "scheduler_key", "scheduler_cert", "worker_key", "worker_cert")


def _ignore(address: str) -> None:
    pass


class _Listener(SchedulerPlugin):  # type: ignore[misc]  # Dask has no types
    """Calls these with the address of each worker that joins or leaves."""

    def __init__(self, joined: Callable[[str], None], left: Callable[[str], None]) -> None:
        self._joined = joined
        self._left = left

    def add_worker(self, scheduler: Any, worker: str) -> None:
        self._joined(worker)

    def remove_worker(self, scheduler: Any, worker: str, **more: Any) -> None:
        self._left(worker)


def scheduler_options(
    security: Security, joined: Callable[[str], None], left: Callable[[str], None] = _ignore
) -> dict[str, Any]:
    """The arguments for `QuietScheduler`, but for where it listens. It calls `joined` and `left` with the addresses of
    workers."""
    return {"protocol": "tls", "dashboard": False, "security": security, "plugins": [_Listener(joined, left)]}


def tls_texts(security: Security) -> dict[str, str]:
    """The certificates and keys of `Security.temporary()`, by the fields of `Security`: what a worker needs."""
    return {f"tls_{role}": getattr(security, f"tls_{role}") for role in _ROLES}


async def connect_in_process(scheduler: Scheduler, security: Security) -> Client:
    """A client whose messages to the scheduler do not pass through the network."""
    await scheduler.listen("inproc://")
    address = scheduler.listeners[-1].contact_address
    return await Client(address, security=security, asynchronous=True, set_as_default=False)
