"""The deployment whose scheduler and workers a server of Dask Gateway starts for the run, and ends after it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.deployments.bring import Bringer, UnusableWorkerError
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.existing import ExistingDeployment
from orchestrator.cluster.deployments.gateway_api import GatewayApi, ended, no_cluster, tls_of
from orchestrator.cluster.deployments.gateway_left import Left, forget, note
from orchestrator.cluster.hello import Refusal, WorkerHello

_POLL_SECONDS = 0.5
_AGAIN_SECONDS = 5.0  # until the server is asked again for workers that it did not start
_CREATE_SECONDS = 10.0
_END_SECONDS = 2.0  # then the server ends the cluster without being looked at
_WHERE = "the log of the gateway's server has the reason"


class GatewayDeployment(ExistingDeployment):
    """`count` workers of a cluster that the server starts with the settings in `left`, whose secret has this value."""

    def __init__(self, left: Left, secret: str | None, count: int, run_dir: str, bringer: Bringer) -> None:
        super().__init__("", {}, bringer)
        self._is_own = False
        self._left_if_killed = left
        self._secret = secret
        self._count = count
        self._run_dir = run_dir
        self._api: GatewayApi | None = None
        self._cluster = ""  # its name, once the server has given it one
        self._creating: asyncio.Task[None] | None = None
        self._limit = ""  # why there are fewer workers than were asked for
        self._address_of: dict[str, str] = {}  # of workers that have joined and not been replaced
        self._retiring: set[str] = set()  # addresses
        self._tasks: set[asyncio.Task[None]] = set()
        self.why_none = "the gateway has not answered yet"

    async def open(self, events: Events) -> Any:
        """As `Deployment.open`: has the server start a cluster, and waits until its scheduler answers."""
        use_own_settings()
        self._events = events
        settings = self._left_if_killed.settings
        api = self._api = GatewayApi(settings, self._secret)
        if not settings.is_encrypted:
            why = f"the connection to {api.address} is not encrypted: anyone who sees it can run code as you"
            events.degraded("encryption", why)
        self._creating = self._spawn(self._create(api))
        await asyncio.shield(self._creating)
        self.why_none = f"the gateway at {api.address} is starting the scheduler"
        report = await self._started(api)
        self._address, self._tls = report.scheduler_address, tls_of(report)
        client = await super().open(events)
        self.why_none = f"the gateway at {api.address} has started no worker yet"
        self._spawn(self._scale(api))
        return client

    async def greet(self, client: Any, address: str) -> WorkerHello | None:
        """As `Deployment.greet`."""
        hello = None if address in self._retiring else await super().greet(client, address)
        if hello is not None:
            self._address_of[hello.name] = address
        return hello

    async def replace(self, name: str, hello: WorkerHello | None) -> None:
        """As `Deployment.replace`: the server starts another one in place of one that is gone."""
        self._address_of.pop(name, None)
        if hello is not None and hello.address in self._retiring:
            await self._end_worker(hello.address)
        else:
            await super().replace(name, hello)

    def scale(self, count: int) -> None:
        """As `Deployment.scale`."""
        self._count = count
        if self._api is not None and self._cluster:
            self._spawn(self._scale(self._api))

    async def retire(self, name: str, why: str) -> None:
        """As `Deployment.retire`."""
        if name not in self._address_of:
            return  # another one has taken its place, and is retired in its turn
        self._count -= 1
        self._retiring.add(self._address_of[name])
        await self._finish(name, why)

    async def end_workers(self) -> Sequence[WorkerHello]:
        """As `Deployment.end_workers`; the server ends the cluster."""
        if self._creating is not None:
            with suppress(Exception):
                await asyncio.wait_for(asyncio.shield(self._creating), _CREATE_SECONDS)
        silent = await super().end_workers()
        if self._api is not None and self._cluster:
            await self._stop(self._api)
        return silent

    async def close(self) -> None:
        """As `Deployment.close`."""
        for task in self._tasks:
            task.cancel()
        if self._api is not None:
            await self._api.close()

    # What is asked of the server.

    async def _create(self, api: GatewayApi) -> None:
        self._cluster = await api.create(self._left_if_killed.settings.options)
        note(self._run_dir, replace(self._left_if_killed, cluster=self._cluster))

    async def _started(self, api: GatewayApi) -> Any:
        """Its report, once the scheduler has said that it is there. The run waits for that as long as for workers."""
        while True:
            try:
                report = await api.report(self._cluster)
            except UnusableWorkerError as error:
                self.why_none = error.refusal.why
            else:
                if why := ended(report):
                    raise no_cluster(f"the cluster that the gateway at {api.address} was to start {why}: {_WHERE}")
                if report.scheduler_address is not None:
                    return report
            await asyncio.sleep(_POLL_SECONDS)

    async def _scale(self, api: GatewayApi) -> None:
        """Until the server has taken the number; it starts no more than it is configured to."""
        count = self._count
        while count == self._count:
            try:
                limit = await api.scale(self._cluster, count)
            except UnusableWorkerError as error:
                self.why_none = error.refusal.why
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                if limit and limit != self._limit:
                    self._events.degraded("workers", f"the gateway at {api.address} says: {limit}")
                self._limit = limit
                return

    async def _end_worker(self, address: str) -> None:
        """Before the number is lowered, for else the scheduler would choose which one ends."""
        with suppress(Exception):
            await self._client.retire_workers([address], close_workers=True, remove=True)
        self._retiring.discard(address)
        if self._limit:  # what was asked for is not what is there
            self._count = min(self._count, len(self._seen - {address}))
        if self._api is not None:
            await self._scale(self._api)

    async def _stop(self, api: GatewayApi) -> None:
        try:
            await api.stop(self._cluster)
        except UnusableWorkerError as error:
            what = f"{error.refusal.why}; the cluster {self._cluster} is left there"
            self._events.degraded(
                "what is left at the gateway", f"{what}, and `pexec resume` or `pexec prune --interrupted` ends it"
            )
            return
        forget(self._run_dir, self._cluster)
        with suppress(UnusableWorkerError, TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                while (await api.report(self._cluster)).status.name not in ("STOPPED", "FAILED"):
                    await asyncio.sleep(_POLL_SECONDS)

    def _unreachable(self, error: BaseException) -> Refusal:
        return replace(super()._unreachable(error), help="`proxy` of `gateway` says where its schedulers are reached")

    async def _why_gone_for_good(self) -> Refusal | None:
        if self._api is None:
            return None
        try:
            why = ended(await self._api.report(self._cluster))
        except UnusableWorkerError as error:
            if error.refusal.code != "PX329":
                return None  # the server may come back, and its clusters with it
            return error.refusal
        help_ = f"{_WHERE}; `pexec resume` continues the run, in a new cluster"
        return Refusal(f"the cluster at {self._api.address} {why}", "PX329", help_) if why else None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
