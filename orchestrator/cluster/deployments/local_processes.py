"""The deployment whose workers are processes of this machine, children of pexec."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.deployments.deployment import Events, no_workers
from orchestrator.cluster.deployments.proof_of_death import end_what_is_left
from orchestrator.cluster.hello import Setup, WorkerHello

_MOST_FAILED_STARTS = 3
_START_SECONDS = 5.0


class ProcessDeployment:
    """`count` workers, of which each gets `setup`, with certificates that are made here; the scheduler is in this
    process."""

    def __init__(self, count: int, setup: Setup) -> None:
        self._count = count
        self.why_none = ""
        self._setup = setup
        self._failed_starts = 0
        self._joined: set[str] = set()
        self._retired: dict[str, str] = {}  # worker -> why

    async def open(self, events: Events) -> Any:
        """As `Deployment.open`."""
        use_own_settings()
        from distributed import Security

        from orchestrator.cluster.deployments.process_worker import ProcessCluster, ProcessWorker
        from orchestrator.cluster.own_scheduler import connect_in_process, scheduler_options, tls_texts
        from orchestrator.cluster.quiet_nodes import QuietScheduler

        self._events = events
        security = Security.temporary()
        setup = replace(self._setup, tls=tls_texts(security))
        worker = {"cls": ProcessWorker, "options": {"setup": setup, "on_exit": self._on_exit}}
        options = {"host": "127.0.0.1", **scheduler_options(security, events.appeared)}
        scheduler = {"cls": QuietScheduler, "options": options}
        self._cluster = ProcessCluster(
            workers={}, scheduler=scheduler, worker=worker, asynchronous=True, security=security, silence_logs=False
        )
        await self._cluster
        client = await connect_in_process(self._cluster.scheduler, security)
        self._cluster.scale(self._count)
        return client

    async def greet(self, client: Any, address: str) -> WorkerHello | None:
        """As `Deployment.greet`."""
        from orchestrator.cluster.worker.remote_procedures import greet

        answers = await client.run(greet, self._setup.topic, workers=[address])
        hello: WorkerHello = answers[address]
        process = self._process(hello.name)
        if process is None or process.exited.is_set():
            return None
        self._failed_starts = 0
        self._joined.add(hello.name)
        return hello

    async def give_secrets(self, hello: WorkerHello, names: Collection[str]) -> None:
        """As `Deployment.give_secrets`: it got them when it was started."""

    def give_up(self, hello: WorkerHello) -> None:
        """As `Deployment.give_up`."""
        process = self._process(hello.name)
        if process is not None:
            process.kill()

    def has_warden(self, name: str, warden: int) -> None:
        """As `Deployment.has_warden`: it is a descendant of this process."""

    async def wait_for_end(self, name: str, hello: WorkerHello | None) -> bool:
        """As `Deployment.wait_for_end`."""
        process = self._process(name)
        if process is not None:
            await asyncio.to_thread(end_what_is_left, process.pid)
        return True

    async def replace(self, name: str, hello: WorkerHello | None) -> None:
        """As `Deployment.replace`."""
        process = self._process(name)
        if hello is not None:
            with suppress(Exception):  # it may not know this worker any more
                await self._cluster.scheduler.remove_worker(
                    hello.address, stimulus_id="pexec", close=False, expected=True
                )
        self._cluster.worker_spec.pop(name, None)
        self._cluster.workers.pop(name, None)
        self._retired.pop(name, None)
        if hello is not None or self._failed_starts < _MOST_FAILED_STARTS:
            self._cluster.scale(self._count + len(self._retired))
            return
        said = process.last_words if process is not None else ""
        refusal = no_workers(f"workers end before they join{f': {said}' if said else ''}")
        if not self._has_others():
            self._events.starts_nothing(refusal)
        elif self._joined and self._failed_starts == _MOST_FAILED_STARTS:
            self._events.degraded("a worker that did not start", refusal.why)

    def _has_others(self) -> bool:
        """Whether a worker works, or may join yet."""
        workers = (self._cluster.workers.get(spec) for spec in self._cluster.worker_spec)
        return any(worker is None or not worker.exited.is_set() for worker in workers)

    def scale(self, count: int) -> None:
        """As `Deployment.scale`."""
        self._count = count
        self._cluster.scale(count + len(self._retired))

    async def retire(self, name: str, why: str) -> None:
        """As `Deployment.retire`."""
        process = self._process(name)
        if process is None:
            return  # another one has taken its place, and is retired in its turn
        self._retired[name] = why
        self._count -= 1
        if not process.exited.is_set():
            await process.close()

    async def end_workers(self) -> Sequence[WorkerHello]:
        """As `Deployment.end_workers`."""
        if hasattr(self, "_cluster"):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._cluster.settled(), _START_SECONDS)  # before that they are not among these
            processes = list(self._cluster.workers.values())
            await asyncio.gather(*(process.close() for process in processes), return_exceptions=True)
        return ()  # each was waited for

    async def close(self) -> None:
        """As `Deployment.close`."""
        if hasattr(self, "_cluster"):
            self._cluster.worker_spec.clear()
            self._cluster.workers.clear()
            await self._cluster.close()

    def _process(self, name: str) -> Any:
        """The ProcessWorker with this name, until it is replaced."""
        return next((worker for worker in self._cluster.workers.values() if worker.name == name), None)

    def _on_exit(self, process: Any) -> None:
        """The process of a worker has ended, and was waited for."""
        if process.name not in self._joined:
            self._failed_starts += 1
        self._events.gone(process.name, self._retired.get(process.name, "its process ended"))
