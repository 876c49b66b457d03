"""The deployment whose workers exist already: a Dask cluster at an address, which pexec neither starts nor ends."""

from __future__ import annotations

import asyncio
import itertools
import os
import ssl
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.deployments.bring import Bringer, UnusableWorkerError
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.elsewhere import end_orphans, is_visible
from orchestrator.cluster.hello import Refusal, WorkerHello

_CONNECT_SECONDS = 10.0
_AGAIN_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_SILENT_SECONDS = 5.0
_LOOK_AT_PROCESSES_SECONDS = 0.05


class ExistingDeployment:
    """The workers of the scheduler at `address`. `tls`: the fields of Dask's `Security`; empty without TLS."""

    def __init__(self, address: str, tls: Mapping[str, str], bringer: Bringer) -> None:
        self._address = address
        self._tls = tls
        self._bringer = bringer
        self._is_own = not address  # its scheduler is a part of this process
        self._numbers = itertools.count(1)
        self._seen: set[str] = set()  # addresses of the workers that Dask has
        self._comings: Counter[str] = Counter()  # address -> how often a worker came there
        self._greeting: set[str] = set()  # addresses
        self._wardens: dict[str, int] = {}  # name -> pid of the warden that has taken the place of its first
        self._hellos: dict[str, WorkerHello] = {}  # address -> of those that take attempts
        self._refused: dict[str, Refusal] = {}  # address -> why it takes none
        self._watching: asyncio.Task[None] | None = None
        self.why_none = ""

    async def open(self, events: Events) -> Any:
        """As `Deployment.open`. Raises UnusableWorkerError if the scheduler cannot be reached."""
        use_own_settings(encrypted=bool(self._tls))
        self._events = events
        if not self._tls:
            why = (
                f"the connection to {self._address} is not encrypted: anyone who can connect to it can run code as you"
            )
            events.degraded("encryption", why)
        try:
            await _wait_for_listener(self._address)
            await self._connect()
        except Exception as error:
            raise UnusableWorkerError(self._unreachable(error)) from error
        self._watching = asyncio.get_running_loop().create_task(self._watch())
        return self._client

    async def _connect(self) -> None:
        from distributed import Security

        from orchestrator.cluster.quiet_nodes import FirmClient

        self._client = await FirmClient(
            self._address,
            security=Security(require_encryption=bool(self._tls), **self._tls),
            asynchronous=True,
            set_as_default=False,
            timeout=_CONNECT_SECONDS,
            name="pexec",
        )
        self.why_none = f"the scheduler at {self._address} has no workers"
        self._client.subscribe_topic("all", self._on_event)

    async def greet(self, client: Any, address: str) -> WorkerHello | None:
        """As `Deployment.greet`."""
        if address in self._hellos or address in self._greeting:
            return None
        self._greeting.add(address)
        try:
            return await self._greet(client, address)
        finally:
            self._greeting.discard(address)

    async def _greet(self, client: Any, address: str) -> WorkerHello | None:
        coming = self._comings[address]
        try:
            hello = await self._bringer.greet(client, address, f"w{next(self._numbers)}")
        except UnusableWorkerError as error:
            self._refuse(address, error.refusal)
            return None
        except (Exception, asyncio.CancelledError) as error:
            self.why_none = f"the worker at {address} cannot be used: {words_of(error)}"
            self._seen.discard(address)  # it is tried again
            raise
        if address not in self._seen:
            return None  # it has left meanwhile
        if self._comings[address] != coming:
            self._seen.discard(address)  # so has it, and another one came, which is noticed once more
            return None
        self._hellos[address] = hello
        self.why_none = ""
        return hello

    async def give_secrets(self, hello: WorkerHello, names: Collection[str]) -> None:
        """As `Deployment.give_secrets`."""
        await self._bringer.give_secrets(self._client, hello, names)

    def give_up(self, hello: WorkerHello) -> None:
        """As `Deployment.give_up`."""
        self._lose(hello, "it has lost an attempt")

    def has_warden(self, name: str, warden: int) -> None:
        """As `Deployment.has_warden`."""
        self._wardens[name] = warden

    async def wait_for_end(self, name: str, hello: WorkerHello | None) -> bool:
        """As `Deployment.wait_for_end`."""
        is_asked = True
        if hello is not None:
            hello = replace(hello, warden=self._wardens.get(name, hello.warden))
        while hello is not None:
            if any(other.identity == hello.identity for other in self._hellos.values()):
                return True  # it has joined again, and before that ended what ran there
            if is_visible(hello) and await asyncio.to_thread(end_orphans, hello):
                return True
            if is_asked and hello.address in self._seen:
                with suppress(Exception):
                    if await self._bringer.finish(self._client, hello):
                        return True
                    is_asked = False  # another process has its address now
            await asyncio.sleep(_LOOK_AT_PROCESSES_SECONDS if is_visible(hello) else _LOOK_SECONDS)
        return True

    async def replace(self, name: str, hello: WorkerHello | None) -> None:
        """As `Deployment.replace`: one that is still there may join again."""
        if hello is not None and hello.address in self._seen:
            self._events.appeared(hello.address)

    def scale(self, count: int) -> None:
        """As `Deployment.scale`: not the task of pexec."""

    async def retire(self, name: str, why: str) -> None:
        """As `Deployment.retire`: not the task of pexec."""

    async def end_workers(self) -> Sequence[WorkerHello]:
        """As `Deployment.end_workers`: of the workers, only what they run for this run."""
        if self._watching is not None:
            self._watching.cancel()
        hellos = list(self._hellos.values())
        ends = (self._bringer.finish(self._client, hello) for hello in hellos)
        said = await asyncio.gather(*ends, return_exceptions=True)
        return [hello for hello, answer in zip(hellos, said, strict=True) if answer is not True]

    async def close(self) -> None:
        """As `Deployment.close`."""

    async def _watch(self) -> None:
        """See which workers come and go, and whether the scheduler is there. While it is not, wait for another one."""
        while True:
            await self._watch_workers()
            for address in list(self._seen):
                self._left(address)
            why = f"the scheduler at {self._address} is gone"
            if self._is_own:
                self._events.starts_nothing(Refusal(why, "PX311", "`pexec resume` continues the run"))
                return
            self.why_none = why
            self._events.degraded("the cluster", f"{why}: jobs wait for another one there")
            if (refusal := await self._reconnect()) is not None:
                self._events.starts_nothing(refusal)
                return
            self._events.reconnected(self._client)

    async def _reconnect(self) -> Refusal | None:
        """A new client, for the scheduler may be a new one, which knows nothing of the old. Or why none will come."""
        while True:
            if (refusal := await self._why_gone_for_good()) is not None:
                return refusal
            try:
                await _wait_for_listener(self._address)
                await self._connect()
            except Exception as error:
                self.why_none = self._unreachable(error).why
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return None

    async def _why_gone_for_good(self) -> Refusal | None:
        """Of a scheduler to which the connection is lost; None if it, or another one, may come back."""
        return None

    async def _watch_workers(self) -> None:
        """As long as there is a connection to the scheduler; an event of Dask may have been lost."""
        while self._client.status not in ("closed", "closing"):
            try:
                identity = await asyncio.wait_for(self._client.scheduler.identity(n_workers=-1), _SILENT_SECONDS)
                there = set(identity["workers"])
            except Exception:
                if self._client.status == "running":  # it is busy, or the client has not noticed yet
                    await asyncio.sleep(_LOOK_SECONDS)
                    continue
                there = set()
            for address in self._seen - there:
                self._left(address)
            for address in there - self._seen:
                self._came(address)
            await asyncio.sleep(_LOOK_SECONDS)

    def _on_event(self, event: tuple[float, Any]) -> None:
        said = event[1]
        if isinstance(said, dict) and said.get("action") == "remove-worker":
            self._left(said["worker"])
        elif isinstance(said, dict) and said.get("action") == "add-worker":
            self._left(said["worker"])  # one that had the same address
            self._came(said["worker"])

    def _came(self, address: str) -> None:
        self._seen.add(address)
        self._comings[address] += 1
        self._events.appeared(address)

    def _left(self, address: str) -> None:
        self._seen.discard(address)
        self._refused.pop(address, None)
        if (hello := self._hellos.get(address)) is not None:
            self._lose(hello, "it has left the cluster")

    def _lose(self, hello: WorkerHello, why: str) -> None:
        if self._hellos.get(hello.address) is hello:
            del self._hellos[hello.address]
            self._events.gone(hello.name, why)

    async def _finish(self, name: str, why: str) -> None:
        """The worker runs nothing, and gets no more attempts."""
        hello = next((hello for hello in self._hellos.values() if hello.name == name), None)
        if hello is not None:
            with suppress(Exception):
                await self._bringer.finish(self._client, hello)
            self._lose(hello, why)

    def _refuse(self, address: str, refusal: Refusal) -> None:
        """It takes no attempts; if no other worker does, the run cannot continue."""
        self._refused[address] = refusal
        self._events.refused(address, refusal)
        if self._hellos or self._seen - set(self._refused):
            self._events.degraded("a worker that is not used", refusal.why)
        else:
            self._events.starts_nothing(refusal)

    def _unreachable(self, error: BaseException) -> Refusal:
        for cause in _causes(error):
            if isinstance(cause, ssl.SSLError):
                what = f"the cluster at {self._address} and pexec do not accept each other's certificates"
                help_ = "`tls` of the cluster names the certificate that its scheduler accepts"
                return Refusal(f"{what}: {words_of(cause)}", "PX433", help_)
        why = f"the cluster at {self._address} cannot be reached: {words_of(error)}"
        return Refusal(why, "PX311", "is its scheduler running?")


async def _wait_for_listener(address: str) -> None:
    """Until something accepts connections there. Raises OSError when nothing has for a while, with the reason, which
    Dask would not say."""
    host, _, port = address.partition("://")[2].partition("/")[0].rpartition(":")
    loop = asyncio.get_running_loop()
    until = loop.time() + _CONNECT_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(until):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except OSError:
            if loop.time() + _AGAIN_SECONDS >= until:
                raise
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            writer.close()
            return


def _causes(error: BaseException) -> list[BaseException]:
    """The error, and what it came from."""
    found, left = [], [error]
    while left:
        one = left.pop()
        if one not in found:
            found.append(one)
            left += [other for other in (one.__context__, one.__cause__) if other is not None]
    return found


def words_of(error: BaseException) -> str:
    """Why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).lower().replace("_", " ")
    if isinstance(error, TimeoutError):
        return f"no answer in {_CONNECT_SECONDS:.0f}s"
    if isinstance(error, OSError) and error.errno:
        return (os.strerror(error.errno) if error.errno > 0 else str(error.strerror)).lower()
    return str(error) or type(error).__name__
