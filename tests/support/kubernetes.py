"""A stand-in for the API of Kubernetes with the operator of Dask: it checks what is created by the operator's own
schema, and runs the commands of pods as processes of this machine.

It speaks the few calls that pexec makes. What it does not show: images, networks, volumes, schedulers of Kubernetes.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from aiohttp import WSMsgType, web
from ruamel.yaml import YAML

from orchestrator.cluster.deployments.kubernetes_manifests import PORT, TLS_DIRECTORY

NAMESPACE = "batch"
TOKEN = "a-token"
_RECONCILE_SECONDS = 0.2
_KINDS = {"daskclusters": "DaskCluster", "daskworkergroups": "DaskWorkerGroup"}


@cache
def schema(plural: str) -> dict[str, Any]:
    """What the API server would accept, as the operator declares it."""
    spec = importlib.util.find_spec("dask_kubernetes")
    assert spec is not None
    assert spec.origin is not None
    name = _KINDS[plural].lower()
    crds = Path(spec.origin).parent / "operator/deployment/helm/dask-kubernetes-operator/crds"
    versions = YAML(typ="safe").load((crds / f"{name}.yaml").read_text())["spec"]["versions"]
    return dict(versions[0]["schema"]["openAPIV3Schema"])


def unknown_fields(data: Any, allowed: Any, path: str = "") -> list[str]:
    """Those that Kubernetes would drop without a word."""
    found = []
    properties = allowed.get("properties") if isinstance(allowed, dict) else None
    if isinstance(data, dict) and properties is not None:
        for key, value in data.items():
            if key not in properties:
                found.append(f"{path}.{key}")
            else:
                found += unknown_fields(value, properties[key], f"{path}.{key}")
    if isinstance(data, list) and isinstance(allowed, dict) and "items" in allowed:
        found += [field for one in data for field in unknown_fields(one, allowed["items"], f"{path}[]")]
    return found


class Pod:
    """A pod with one container, which may be a process."""

    def __init__(self, name: str, labels: dict[str, str], spec: dict[str, Any]) -> None:
        self.name = name
        self.labels = labels
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def is_ready(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            return False
        if not self.port:
            return True
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", self.port)) == 0


class StandIn:
    """`quota` and `image` are reasons for which no pod is created, or none starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.loop: asyncio.AbstractEventLoop
        self.stop: asyncio.Event
        self.quota = ""
        self.image = ""
        self.token = TOKEN
        self.has_operator = True
        self.resources: dict[str, dict[str, Any]] = {"daskclusters": {}, "daskworkergroups": {}, "secrets": {}}
        self.created: list[tuple[str, str]] = []
        self.deployments: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self.pods: dict[str, Pod] = {}
        self._numbers = itertools.count(1)
        self._scheduler_ports: dict[str, int] = {}

    # What tests do and see.

    def environ(self) -> dict[str, str]:
        """For pexec: the configuration of `kubectl`."""
        configuration = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
        }
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps(configuration))
        return {"KUBECONFIG": str(path)}

    def workers(self) -> list[Pod]:
        return [pod for pod in list(self.pods.values()) if pod.labels["dask.org/component"] == "worker"]

    def is_empty(self) -> bool:
        return not self.pods and not self.deployments and not any(self.resources.values())

    def delete_pod(self, name: str) -> None:
        """As `kubectl delete pod --force`."""

        async def deleted() -> None:
            _end(self.pods.pop(name), signal.SIGKILL)

        asyncio.run_coroutine_threadsafe(deleted(), self.loop).result(60)

    # The operator, and the controller of deployments.

    def reconcile(self) -> None:
        for name, cluster in list(self.resources["daskclusters"].items()):
            if self.has_operator and f"{name}-scheduler" not in self.deployments:
                self._scheduler_ports[name] = _free_port()
                labels = {"dask.org/cluster-name": name, "dask.org/component": "scheduler"}
                self.deployments[f"{name}-scheduler"] = (labels, cluster["spec"]["scheduler"]["spec"])
        for name, group in list(self.resources["daskworkergroups"].items()):
            cluster = group["spec"]["cluster"]
            there = [
                labels for labels, _ in self.deployments.values() if labels.get("dask.org/workergroup-name") == name
            ]
            if self.has_operator and cluster in self.resources["daskclusters"] and not there:
                labels = {"dask.org/cluster-name": cluster, "dask.org/component": "worker"}
                labels["dask.org/workergroup-name"] = name
                worker = f"{name}-worker-{next(self._numbers):010}"
                self.deployments[worker] = (labels, group["spec"]["worker"]["spec"])
        for name, (labels, spec) in list(self.deployments.items()):
            pods = [pod for pod in self.pods.values() if pod.name.startswith(f"{name}-pod-")]
            if not pods and not self.quota:
                pod = Pod(f"{name}-pod-{next(self._numbers)}", labels, spec)
                self.pods[pod.name] = pod
                pods = [pod]
            for pod in pods:
                self._start(pod, name)

    def _start(self, pod: Pod, deployment: str) -> None:
        cluster = pod.labels["dask.org/cluster-name"]
        if self.image or cluster not in self.resources["secrets"]:
            return
        if pod.process is not None and pod.process.poll() is None:
            return
        tls = self.folder / cluster
        tls.mkdir(exist_ok=True)
        for name, data in self.resources["secrets"][cluster]["data"].items():
            (tls / name).write_bytes(base64.b64decode(data))
        (container,) = pod.spec["containers"]
        port = str(self._scheduler_ports[cluster])
        host = f"{cluster}-scheduler.{NAMESPACE}.svc:{PORT}"
        words = []
        for word in container["args"]:
            word = word.replace(TLS_DIRECTORY, str(tls)).replace("$(DASK_WORKER_NAME)", deployment)
            words.append(port if word == str(PORT) else word.replace(host, f"127.0.0.1:{port}"))
        assert container["command"] == ["python3", "-m"]
        with open(self.folder / f"{pod.name}.log", "ab") as log:
            pod.process = subprocess.Popen(
                [sys.executable, "-m", *words],
                env={**os.environ, **{one["name"]: one["value"] for one in container["env"]}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        pod.port = int(port) if pod.labels["dask.org/component"] == "scheduler" else 0

    def _delete(self, plural: str, name: str) -> None:
        """With all that it owns."""
        gone = self.resources[plural].pop(name)
        if plural == "daskclusters":
            self.resources["secrets"].pop(name, None)
            for group, one in list(self.resources["daskworkergroups"].items()):
                if one["spec"]["cluster"] == name:
                    self.resources["daskworkergroups"].pop(group)
        label = "dask.org/cluster-name" if plural == "daskclusters" else "dask.org/workergroup-name"
        name = gone["metadata"]["name"]
        self.deployments = {key: one for key, one in self.deployments.items() if one[0].get(label) != name}
        for pod in list(self.pods.values()):
            if pod.labels.get(label) == name:
                del self.pods[pod.name]
                _end(pod, signal.SIGTERM)

    # The API.

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/version/":
            return web.json_response({"major": "1", "minor": "33", "gitVersion": "v1.33.0"})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _refused(401, "Unauthorized")
        _, _, rest = request.path.partition("/namespaces/")
        namespace, _, rest = rest.partition("/")
        if namespace != NAMESPACE:
            return _refused(404, f'namespaces "{namespace}" not found' if namespace else request.path)
        plural, _, name = rest.partition("/")
        if name.endswith("/portforward"):
            return await self._forward(request, self.pods[name.partition("/")[0]])
        self.reconcile()
        if plural == "pods" and request.method == "GET":
            return _listed([self._pod(pod) for pod in self.pods.values()], request)
        if plural == "deployments" and request.method == "GET":
            return _listed([self._deployment(name) for name in self.deployments], request)
        if request.method == "GET" and not name:
            return _listed(list(self.resources[plural].values()), request)
        if request.method == "POST":
            return await self._create(request, plural)
        if request.method == "DELETE" and name in self.resources[plural]:
            self._delete(plural, name)
            return web.json_response({"kind": "Status", "status": "Success"})
        return _refused(404, f'{plural} "{name}" not found')

    async def _create(self, request: web.Request, plural: str) -> web.Response:
        resource = await request.json()
        if plural in _KINDS:
            errors = [error.message for error in jsonschema.Draft202012Validator(schema(plural)).iter_errors(resource)]
            if errors:
                return _refused(422, "; ".join(errors))
        name = resource["metadata"]["name"]
        resource["metadata"]["uid"] = f"uid-of-{name}"
        self.resources[plural][name] = resource
        self.created.append((plural, name))
        self.reconcile()
        return web.json_response(resource, status=201)

    def _pod(self, pod: Pod) -> dict[str, Any]:
        ready = "True" if pod.is_ready() else "False"
        waiting = {"reason": "ImagePullBackOff", "message": self.image} if self.image else None
        status: dict[str, Any] = {
            "phase": "Pending" if waiting else "Running",
            "conditions": [{"type": "Ready", "status": ready}, {"type": "ContainersReady", "status": ready}],
            "containerStatuses": [{"state": {"waiting": waiting} if waiting else {"running": {}}}],
        }
        metadata = {"name": pod.name, "namespace": NAMESPACE, "labels": pod.labels}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod.spec, "status": status}

    def _deployment(self, name: str) -> dict[str, Any]:
        failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": self.quota}
        status: dict[str, Any] = {"conditions": [failed] if self.quota else []}
        return {"metadata": {"name": name, "labels": self.deployments[name][0]}, "status": status}

    async def _forward(self, request: web.Request, pod: Pod) -> web.WebSocketResponse:
        socket_ = web.WebSocketResponse(max_msg_size=1 << 26)
        await socket_.prepare(request)
        reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)

        async def back() -> None:
            for channel in (b"\0", b"\1"):
                await socket_.send_bytes(channel + PORT.to_bytes(2, "little"))
            while data := await reader.read(1 << 16):
                await socket_.send_bytes(b"\0" + data)
            await socket_.close()

        task = asyncio.get_running_loop().create_task(back())
        try:
            async for message in socket_:
                if message.type is WSMsgType.BINARY:
                    writer.write(message.data[1:])
        finally:
            task.cancel()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        return socket_


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "status": "Failure", "message": message, "code": status}, status=status)


def _listed(items: list[dict[str, Any]], request: web.Request) -> web.Response:
    wanted = dict(part.split("=") for part in request.query.get("labelSelector", "").split(",") if part)
    found = [one for one in items if wanted.items() <= one["metadata"].get("labels", {}).items()]
    return web.json_response({"kind": "List", "items": found, "metadata": {}})


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _end(pod: Pod, number: int) -> None:
    if pod.process is not None:
        pod.process.send_signal(number)
        try:
            pod.process.wait(20)
        except subprocess.TimeoutExpired:
            pod.process.kill()
            pod.process.wait(20)


@contextmanager
def kubernetes() -> Iterator[StandIn]:
    """One that answers, and leaves nothing."""
    folder = Path(tempfile.mkdtemp(prefix="kubernetes-"))
    stand_in, is_up = StandIn(folder), threading.Event()

    async def serve() -> None:
        stand_in.loop, stand_in.stop = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=1 << 26)
        application.router.add_route("*", "/{path:.*}", stand_in.answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        stand_in.port = runner.addresses[0][1]
        is_up.set()
        while not stand_in.stop.is_set():
            stand_in.reconcile()
            with suppress(TimeoutError):
                await asyncio.wait_for(stand_in.stop.wait(), _RECONCILE_SECONDS)
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert is_up.wait(30)
    try:
        yield stand_in
    finally:
        stand_in.loop.call_soon_threadsafe(stand_in.stop.set)
        thread.join(30)
        for pod in stand_in.pods.values():
            _end(pod, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
