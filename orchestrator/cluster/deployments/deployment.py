"""How the workers of a cluster come to be, and how their end is known: what Dask's loop asks of each kind of cluster.

All of it happens in the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from msgspec import Struct

from orchestrator.cluster.cluster_admission import NO_WORKERS
from orchestrator.cluster.hello import Refusal, WorkerHello


def no_workers(why: str) -> Refusal:
    """Workers do not start."""
    return Refusal(why, "PX311", NO_WORKERS)


class Events(Struct, frozen=True):
    """What a deployment calls. `appeared(address)`: Dask has a worker there, which may be greeted. `gone(name, why)`:
    this worker is gone; whether something of it still lives is not known yet. `starts_nothing(refusal)`: no worker
    comes any more. `degraded(what, why)`: something that is
    not as it should be. `refused(address, refusal)`: the worker there is not used. `reconnected(client)`: this one has
    taken the place of that which `open` has returned, with which all workers are gone.
    `noted(event, fields)`: for the journal."""

    appeared: Callable[[str], None]
    gone: Callable[[str, str], None]
    starts_nothing: Callable[[Refusal], None]
    degraded: Callable[[str, str], None]
    refused: Callable[[str, Refusal], None] = lambda address, refusal: None
    reconnected: Callable[[Any], None] = lambda client: None
    noted: Callable[[str, dict[str, Any]], None] = lambda event, fields: None


class Deployment(Protocol):
    """The workers of one run. Names of workers are never used again."""

    why_none: str  # why there is no worker yet, as far as is known; read by other threads

    async def open(self, events: Events) -> Any:
        """Have workers started, or find them; the client of Dask, connected."""

    async def greet(self, client: Any, address: str) -> WorkerHello | None:
        """Have the worker at this address take attempts of the run; None if there is none, or none of this run."""

    async def give_secrets(self, hello: WorkerHello, names: Collection[str]) -> None:
        """Before the worker is given an attempt that names these secrets."""

    def give_up(self, hello: WorkerHello) -> None:
        """Dask has lost it: end it, if that can be done from here. `gone` follows, once."""

    def has_warden(self, name: str, warden: int) -> None:
        """This worker has another warden, with this pid, for the one before has died."""

    async def wait_for_end(self, name: str, hello: WorkerHello | None) -> bool:
        """`gone` was called: return when nothing of this worker lives any more, nor of what it has started; False if
        that cannot be seen, so that only the end of its lease tells. `hello` is None for one that never answered."""

    async def replace(self, name: str, hello: WorkerHello | None) -> None:
        """It has ended: have Dask forget it, and another one take its place where that is this deployment's task."""

    def scale(self, count: int) -> None:
        """Have this many workers: more than there are. Workers that are gone are replaced up to that number."""

    async def retire(self, name: str, why: str) -> None:
        """End this worker, which runs nothing; `gone` is called with `why`. There is one fewer from now on."""

    async def end_workers(self) -> Sequence[WorkerHello]:
        """Have all workers end what they run for this run; those that have not confirmed it. `gone` is called for each
        that ends with it."""

    async def close(self) -> None:
        """Stop what `open` has started. The client is closed already."""
