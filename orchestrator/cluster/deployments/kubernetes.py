"""The deployment whose scheduler and workers are pods, which the operator of Dask makes of what pexec creates."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.deployments.bring import Bringer, UnusableWorkerError
from orchestrator.cluster.deployments.deployment import Events, no_workers
from orchestrator.cluster.deployments.existing import ExistingDeployment
from orchestrator.cluster.deployments.kubernetes_api import KubernetesApi
from orchestrator.cluster.deployments.kubernetes_left import Left, forget, note
from orchestrator.cluster.deployments.kubernetes_manifests import (
    DASK,
    PORT,
    RUN_LABEL,
    Asked,
    Names,
    dask_cluster,
    scheduler_host,
    tls_secret,
    worker_group,
)
from orchestrator.cluster.deployments.kubernetes_states import final_reason, is_ready, why_not_ready
from orchestrator.cluster.hello import WorkerHello
from orchestrator.plan.policy_parts import KubernetesPolicy

_LOOK_SECONDS = 2.0
_POLL_SECONDS = 0.5
_OPERATOR_SECONDS = 15.0  # in which the operator has done something
_AGAIN_SECONDS = 60.0  # until a worker that was refused is asked for again
_END_SECONDS = 15.0
_NO_OPERATOR = "the Dask operator has done nothing yet: is it running, and does it watch this namespace?"


def asked_of(settings: KubernetesPolicy, slots: int) -> Asked:
    """What each pod is to be, for the user of this process."""
    return Asked(settings, slots, os.getuid(), os.getgid())


class KubernetesDeployment(ExistingDeployment):
    """`count` workers, of which each is a pod with these settings."""

    def __init__(self, settings: KubernetesPolicy, slots: int, count: int, run_dir: str, bringer: Bringer) -> None:
        super().__init__("", {}, bringer)
        self._is_own = False
        self._settings = settings
        self._asked = asked_of(settings, slots)
        self._count = count
        self._run_dir = run_dir
        self._run = hashlib.sha256(os.fsencode(os.path.abspath(run_dir))).hexdigest()[:20]
        self._api: KubernetesApi | None = None
        self._names: Names | None = None  # of what was asked for
        self._groups: dict[str, asyncio.Task[None]] = {}  # name -> its creation
        self._group_numbers = itertools.count(1)
        self._growing: asyncio.Task[None] | None = None  # later, since a group was refused
        self._group_of: dict[str, str] = {}  # name of a worker -> its group
        self._retired: dict[str, str] = {}  # name of a worker -> its group
        self._has_joined = False
        self._forward: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.why_none = "Kubernetes has not answered yet"

    async def open(self, events: Events) -> Any:
        """As `Deployment.open`: asks for all of it at once, and waits until the scheduler answers."""
        use_own_settings()
        from distributed import Security

        self._events = events
        api = self._api = await KubernetesApi.connect(self._settings)
        await self._delete_left(api)
        security = Security.temporary()
        key, certificate, authority = security.tls_client_key, security.tls_client_cert, security.tls_ca_file
        self._tls = {"tls_ca_file": authority, "tls_client_cert": certificate, "tls_client_key": key}
        names = self._names = Names(f"pexec-{os.urandom(5).hex()}", api.namespace, self._run)
        self.why_none = _NO_OPERATOR
        note(self._run_dir, Left(self._settings.context, names.namespace, names.cluster))
        self._creating = self._spawn(self._create(api, names, {"ca": authority, "cert": certificate, "key": key}))
        await asyncio.shield(self._creating)
        self._looking = self._spawn(self._look(api, names))
        self._grow(api, names)
        self._address = await self._reach_scheduler(api, names)
        return await super().open(events)

    async def greet(self, client: Any, address: str) -> WorkerHello | None:
        """As `Deployment.greet`."""
        identity = await client.scheduler.identity(n_workers=-1)
        group = str(identity["workers"].get(address, {}).get("name", "")).rpartition("-worker-")[0]
        if group in self._retired.values():
            return None
        hello = await super().greet(client, address)
        if hello is not None:
            self._has_joined = True
            self._group_of[hello.name] = group
        return hello

    async def replace(self, name: str, hello: WorkerHello | None) -> None:
        """As `Deployment.replace`: Kubernetes starts another pod in place of one that is gone."""
        self._group_of.pop(name, None)
        group = self._retired.get(name)
        if group is None:
            await super().replace(name, hello)
        else:
            await self._delete_group(group)

    def scale(self, count: int) -> None:
        """As `Deployment.scale`."""
        self._count = count
        if self._api is not None and self._names is not None:
            self._grow(self._api, self._names)

    async def retire(self, name: str, why: str) -> None:
        """As `Deployment.retire`."""
        if name not in self._group_of:
            return  # another one has taken its place, and is retired in its turn
        self._count -= 1
        self._retired[name] = self._group_of[name]
        await self._finish(name, why)

    async def end_workers(self) -> Sequence[WorkerHello]:
        """As `Deployment.end_workers`; all that was asked for is deleted."""
        if self._api is None or self._names is None:
            return ()
        for task in (getattr(self, "_looking", None), self._growing):
            if task is not None:
                task.cancel()
        silent = await super().end_workers()
        with suppress(Exception):
            await asyncio.wait_for(asyncio.gather(self._creating, *self._groups.values()), _END_SECONDS)
        try:
            await self._api.delete("DaskCluster", self._names.cluster)
        except UnusableWorkerError as error:
            by_hand = f"`kubectl delete daskcluster {self._names.cluster} --namespace {self._names.namespace}`"
            self._events.degraded("what is left in Kubernetes", f"{error.refusal.why}; {by_hand} deletes it")
        else:
            forget(self._run_dir)
        return silent

    async def close(self) -> None:
        """As `Deployment.close`."""
        if self._forward is not None:
            await self._forward.stop()
        if self._api is not None:
            await self._api.close()

    # What is asked for.

    async def _delete_left(self, api: KubernetesApi) -> None:
        """Of a process of pexec that was killed."""
        for cluster in await api.found(DASK, "daskclusters", f"{RUN_LABEL}={self._run}"):
            await api.delete("DaskCluster", cluster["metadata"]["name"])

    async def _create(self, api: KubernetesApi, names: Names, texts: dict[str, str]) -> None:
        made = await api.create(dask_cluster(names, self._asked))
        await api.create(tls_secret(names, texts, made["metadata"]["uid"]))

    def _grow(self, api: KubernetesApi, names: Names) -> None:
        """Have as many groups as workers are wanted, in addition to those that are being ended."""
        while len(self._groups.keys() - self._retired.values()) < self._count:
            number = next(self._group_numbers)
            self._groups[names.worker_group(number)] = self._spawn(self._create_group(api, names, number))

    async def _create_group(self, api: KubernetesApi, names: Names, number: int) -> None:
        try:
            await api.create(worker_group(names, number, self._asked))
        except UnusableWorkerError as error:
            self._groups.pop(names.worker_group(number), None)
            if not self._has_joined and not self._groups:
                self._events.starts_nothing(error.refusal)
            elif self._growing is None:
                self._events.degraded("a worker that is not started", f"{error.refusal.why}; it is tried again")
                self._growing = self._spawn(self._grow_later(api, names))

    async def _grow_later(self, api: KubernetesApi, names: Names) -> None:
        await asyncio.sleep(_AGAIN_SECONDS)
        self._growing = None
        self._grow(api, names)

    async def _delete_group(self, group: str) -> None:
        creation = self._groups.pop(group, None)
        if creation is not None and self._api is not None:
            await self._api.delete("DaskWorkerGroup", group)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # What comes of it.

    async def _reach_scheduler(self, api: KubernetesApi, names: Names) -> str:
        """Once its pod is ready, an address at which it answers."""
        label = f"dask.org/cluster-name={names.cluster},dask.org/component=scheduler"

        async def pods() -> list[dict[str, Any]]:
            return list(filter(is_ready, await api.found("v1", "pods", label)))

        while True:
            with suppress(UnusableWorkerError):  # it is asked again: the run waits for workers no longer than it says
                if await pods():
                    break
            await asyncio.sleep(_POLL_SECONDS)
        if api.is_of_pod:
            return f"tls://{scheduler_host(names)}:{PORT}"
        self._forward = await api.forward(pods, PORT)
        return f"tls://127.0.0.1:{self._forward.local_port}"

    async def _look(self, api: KubernetesApi, names: Names) -> None:
        """Learn why there is no worker, until there is one."""
        label = f"dask.org/cluster-name={names.cluster}"
        began = asyncio.get_running_loop().time()
        while not self._has_joined:
            try:
                pods = await api.found("v1", "pods", label)
                deployments = await api.found("apps/v1", "deployments", label)
            except UnusableWorkerError as error:
                self.why_none = error.refusal.why
            else:
                self._has_reasons(pods, deployments, asyncio.get_running_loop().time() - began)
            await asyncio.sleep(_LOOK_SECONDS)

    def _has_reasons(self, pods: list[dict[str, Any]], deployments: list[dict[str, Any]], waited: float) -> None:
        if self._has_joined:
            return
        if not deployments:
            self.why_none = _NO_OPERATOR if waited >= _OPERATOR_SECONDS else "the Dask operator has done nothing yet"
        else:
            self.why_none = why_not_ready(pods, deployments) or "its pods are starting"
        if final := final_reason(pods):
            self._events.starts_nothing(no_workers(final))
