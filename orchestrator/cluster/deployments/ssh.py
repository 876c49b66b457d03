"""The deployment whose workers are on hosts that pexec reaches by SSH: one a host, as long as the run lasts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.deployments.bring import Bringer, UnusableWorkerError
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.ssh_command import Failure
from orchestrator.cluster.deployments.ssh_worker_of_host import HOPELESS_AFTER, Host, SshWorker
from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.relay import LOOPBACK
from orchestrator.plan.policy_parts import SshPolicy

_AT_ONCE = 8  # connections that are being made; servers reject those beyond a number
_JOIN_SECONDS = 90.0
_PROVE_AGAIN_SECONDS = 1.0
_PAUSE = 0.5  # before a host is tried again, doubled with each failure
_LONGEST_PAUSE = 30.0
_MOST_REASONS = 3


class SshDeployment:
    """A worker on each of the hosts of these settings; `slots` of it, 0 for as many as the host has CPUs. `base_dir` is
    the directory of the manifest."""

    def __init__(self, settings: SshPolicy, slots: int, bringer: Bringer, base_dir: str) -> None:
        self._settings = settings
        self._base_dir = base_dir
        self._slots = slots
        self._bringer = bringer
        self._hosts = [Host(name) for name in settings.hosts]
        self._numbers = itertools.count(1)
        self._workers: dict[str, SshWorker] = {}  # name -> those whose end was not proven
        self._keeping: list[asyncio.Task[None]] = []
        self.why_none = ""

    async def open(self, events: Events) -> Any:
        """As `Deployment.open`."""
        use_own_settings()
        from distributed import Security

        from orchestrator.cluster.own_scheduler import connect_in_process, scheduler_options, tls_texts
        from orchestrator.cluster.quiet_nodes import QuietScheduler

        self._events = events
        security = Security.temporary()
        self._tls = tls_texts(security)
        self._scheduler = await QuietScheduler(host=LOOPBACK, **scheduler_options(security, events.appeared))
        self._client = await connect_in_process(self._scheduler, security)
        self._starting = asyncio.Semaphore(_AT_ONCE)
        loop = asyncio.get_running_loop()
        self._keeping = [loop.create_task(self._keep(host)) for host in self._hosts]
        return self._client

    async def greet(self, client: Any, address: str) -> WorkerHello | None:
        """As `Deployment.greet`."""
        worker = self._at(address)
        if worker is None:
            return None
        try:
            hello = await self._bringer.greet(client, address, worker.name, slots=worker.begun.slots)
        except UnusableWorkerError as error:
            worker.refuse(error.refusal)
            return None
        except (Exception, asyncio.CancelledError):
            worker.give_up()
            raise
        if worker.exited.is_set():
            return None
        worker.hello = hello
        worker.joined.set()
        return hello

    async def give_secrets(self, hello: WorkerHello, names: Collection[str]) -> None:
        """As `Deployment.give_secrets`."""
        await self._bringer.give_secrets(self._client, hello, names)

    def give_up(self, hello: WorkerHello) -> None:
        """As `Deployment.give_up`."""
        if (worker := self._workers.get(hello.name)) is not None:
            worker.give_up()

    def has_warden(self, name: str, warden: int) -> None:
        """As `Deployment.has_warden`: its host finds it by its worker."""

    async def wait_for_end(self, name: str, hello: WorkerHello | None) -> bool:
        """As `Deployment.wait_for_end`: it has said so itself, or its host is asked until its lease is over."""
        worker = self._workers.get(name)
        if worker is None or hello is None or worker.has_ended_itself:
            return True
        while not worker.buried.is_set():
            if await worker.prove_end():
                return True
            await asyncio.sleep(_PROVE_AGAIN_SECONDS)
        return False

    async def replace(self, name: str, hello: WorkerHello | None) -> None:
        """As `Deployment.replace`."""
        if hello is not None and self._at(hello.address) is None:
            with suppress(Exception):  # it may not know this worker any more
                await self._scheduler.remove_worker(hello.address, stimulus_id="pexec", close=False, expected=True)
        if (worker := self._workers.pop(name, None)) is not None:
            worker.buried.set()

    def scale(self, count: int) -> None:
        """As `Deployment.scale`: there are as many as hosts."""

    async def retire(self, name: str, why: str) -> None:
        """As `Deployment.retire`: there are as many as hosts."""

    async def end_workers(self) -> Sequence[WorkerHello]:
        """As `Deployment.end_workers`."""
        for keeping in self._keeping:
            keeping.cancel()
        await asyncio.gather(*(worker.close() for worker in self._workers.values()), return_exceptions=True)
        for worker in list(self._workers.values()):
            self._leave(worker)
        return ()  # whether each has ended is seen by `wait_for_end`

    async def close(self) -> None:
        """As `Deployment.close`."""
        if hasattr(self, "_scheduler"):
            await self._scheduler.close()

    async def _keep(self, host: Host) -> None:
        """Have a worker there, and another one when that is gone."""
        left: list[SshWorker] = []  # by their lease nothing runs there, but their processes may be stopped
        while True:
            left = [worker for worker in left if not await worker.prove_end()]
            name = f"w{next(self._numbers)}"
            worker = SshWorker(name, host.name, self._settings, self._base_dir, self._scheduler.port)
            self._workers[worker.name] = worker
            async with self._starting:
                await worker.start(self._slots, self._tls)
            await self._wait_until_joined(worker)
            if worker.hello is None:
                del self._workers[worker.name]
                self._fail(host, worker.failure)
                if worker.failure.is_final and not host.has_joined:
                    return
            else:
                host.succeed()
                await worker.exited.wait()
                self._leave(worker)
                await worker.buried.wait()
                left += [worker] if worker.may_live else []
            await asyncio.sleep(min(_PAUSE * 2**host.failures, _LONGEST_PAUSE))

    def _at(self, address: str) -> SshWorker | None:
        """The worker at this address, whose connection has not ended."""
        there = (one for one in self._workers.values() if one.address == address and not one.exited.is_set())
        return next(there, None)

    async def _wait_until_joined(self, worker: SshWorker) -> None:
        """Or has ended."""
        waits = [asyncio.ensure_future(event.wait()) for event in (worker.joined, worker.exited)]
        try:
            done, _ = await asyncio.wait(waits, timeout=_JOIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                worker.give_up()
                await worker.exited.wait()
        finally:
            for wait in waits:
                wait.cancel()

    def _leave(self, worker: SshWorker) -> None:
        """Its connection has ended."""
        if worker.hello is not None and not worker.is_gone:
            worker.is_gone = True
            self._events.gone(worker.name, worker.why_gone)

    def _fail(self, host: Host, failed: Failure) -> None:
        was_hopeless = host.is_hopeless
        host.fail(failed)
        why = [host.failed.refusal.why for host in self._hosts if host.failed is not None]
        self.why_none = "; ".join(why[:_MOST_REASONS])
        if host.is_hopeless and not was_hopeless:
            self._events.refused(host.name, failed.refusal)
        if all(host.is_hopeless for host in self._hosts):
            self._events.starts_nothing(failed.refusal)
        elif failed.is_final and not host.has_joined:
            self._events.degraded("a worker that is not used", failed.refusal.why)
        elif host.failures == (1 if host.has_joined else HOPELESS_AFTER):
            self._events.degraded("a worker that is not used", f"{failed.refusal.why}; it is tried again")
