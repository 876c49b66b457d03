"""Keeps the leases of workers: a beat for each four times a lease, and what silence means. For the loop's thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf

from msgspec import Struct

from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.lease import HOLD_SECONDS, ClientLease, Contact, gone_after

_BEATS = 4  # a lease
_LOOKS = 20  # a lease
_BEAT_SECONDS = 5.0  # after which the next one is sent
_SHORTEST_WAIT = 0.01

Ask = Callable[[WorkerHello, str, int, float, float], Awaitable[float]]


class Silent(Struct, frozen=True):
    """What is called when a worker is silent: `doubtful(hello, is_so)`, whether it may get nothing new; `gone(hello,
    why)` once nothing runs there any more."""

    doubtful: Callable[[WorkerHello, bool], None]
    gone: Callable[[WorkerHello, str], None]


class Kept(Struct):
    """A worker whose lease is kept. `orders` counts its beats."""

    hello: WorkerHello
    lease: ClientLease
    beat_at: float
    contact: Contact = Contact.ALIVE
    orders: int = 0
    is_asked: bool = False

    @property
    def now(self) -> float:
        """Seconds of the clock for this worker: if both are on one machine, one that stops while that is suspended."""
        return time.monotonic() if self.hello.watches else time.clock_gettime(time.CLOCK_BOOTTIME)


class Heartbeats:
    """`ask(hello, function, order, token, seconds)` calls a function of the worker's service: its newest token."""

    def __init__(self, seconds: float, ask: Ask, silent: Silent) -> None:
        self._seconds = seconds
        self._ask = ask
        self._silent = silent
        self._kept: dict[str, Kept] = {}
        self._left: dict[str, Kept] = {}
        self._is_suspended = False
        self._asking: set[asyncio.Task[None]] = set()

    def begin(self, hello: WorkerHello) -> None:
        """The worker has joined, just now; with its hello it was granted the first lease."""
        hold = inf if hello.watches else HOLD_SECONDS
        kept = Kept(hello, ClientLease(self._seconds, hello.token, 0.0, hold), 0.0)
        kept.lease.seen_at = kept.beat_at = kept.now
        self._kept[hello.name] = kept

    def end(self, name: str) -> None:
        """The worker has left."""
        kept = self._kept.pop(name, None)
        if kept is not None:
            self._left[name] = kept

    @property
    def doubtful(self) -> list[str]:
        """The workers that have not answered for a while."""
        return [name for name, kept in self._kept.items() if kept.contact is Contact.DOUBTFUL]

    def token(self, name: str) -> float:
        """The newest that was seen of this worker."""
        return self._kept[name].lease.token

    async def wait_until_gone(self, name: str) -> None:
        """Return when nothing runs any more on a worker that has left, of whose end there is no other proof."""
        kept = self._left.get(name)
        while kept is not None and kept.lease.contact(kept.now) is not Contact.GONE:
            await asyncio.sleep(max(_SHORTEST_WAIT, self._seconds / _LOOKS))

    async def keep(self) -> None:
        """Until it is cancelled."""
        while True:
            if not self._is_suspended:
                for kept in list(self._kept.values()):
                    self._look_at(kept)
            await asyncio.sleep(max(_SHORTEST_WAIT, self._seconds / _LOOKS))

    async def hold(self) -> None:
        """The process is about to be suspended: have all workers stop their jobs, and grant more time."""
        self._is_suspended = True
        for kept in self._kept.values():
            kept.lease.suspend()
        await self._tell_all("hold")

    async def release(self) -> None:
        """It is not suspended any more: have all workers continue their jobs."""
        self._is_suspended = False
        for kept in self._kept.values():
            kept.lease.release(kept.now)
        await self._tell_all("release")

    async def _tell_all(self, function: str) -> None:
        await asyncio.gather(*(self._beat(kept, function) for kept in list(self._kept.values())))

    def _look_at(self, kept: Kept) -> None:
        now = kept.now
        contact = kept.lease.contact(now)
        if contact is Contact.GONE:
            self.end(kept.hello.name)
            self._silent.gone(kept.hello, f"nothing was heard from it for {gone_after(self._seconds):g} s")
            return
        if contact is not kept.contact:
            kept.contact = contact
            self._silent.doubtful(kept.hello, contact is Contact.DOUBTFUL)
        if now >= kept.beat_at and not kept.is_asked:
            kept.is_asked = True
            task = asyncio.get_running_loop().create_task(self._beat(kept, "beat"))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _beat(self, kept: Kept, function: str) -> None:
        """One word to one worker alone, for one that is stopped never answers."""
        lease, stamp = kept.lease, kept.lease.stamp
        kept.orders += 1
        kept.beat_at = kept.now + self._seconds / _BEATS
        with suppress(Exception):
            asked = self._ask(kept.hello, function, kept.orders, lease.token, lease.granted)
            token = await asyncio.wait_for(asked, _BEAT_SECONDS)
            if lease.is_on_hold:
                kept.beat_at = kept.now  # the next one may end that
            lease.saw(token, kept.now, stamp)
        kept.is_asked = False
