"""What pexec asks of Kubernetes, as data: the resources of a run, and the rights to create them. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from orchestrator.plan.policy_parts import KubernetesPolicy

DASK: Final = "kubernetes.dask.org/v1"
PORT: Final = 8786
RUN_LABEL: Final = "pexec/run"
TLS_DIRECTORY: Final = "/run/pexec-tls"
TLS_FILES: Final = ("ca", "cert", "key")
_JOIN_SECONDS = 600  # its scheduler may start later, for lack of room or of its image
_END_SECONDS = 15
_SCHEDULER = {"cpu": "1", "memory": "1Gi"}
_MANAGED = {"app.kubernetes.io/managed-by": "pexec"}


class Names(Struct, frozen=True):
    """`cluster` is that of the resources of one process that drives the run; `run` is a label that a resume finds."""

    cluster: str
    namespace: str
    run: str

    def worker_group(self, number: int) -> str:
        """Of the worker with this number."""
        return f"{self.cluster}-{number}"


class Asked(Struct, frozen=True):
    """What each worker is to be; it runs as the user who runs pexec."""

    settings: KubernetesPolicy
    slots: int
    uid: int
    gid: int


def scheduler_host(names: Names) -> str:
    """At which pods reach the scheduler."""
    return f"{names.cluster}-scheduler.{names.namespace}.svc"


def dask_cluster(names: Names, asked: Asked) -> dict[str, Any]:
    """The scheduler, and no workers."""
    words = ["orchestrator.cluster.worker.pod_scheduler", "--port", str(PORT)]
    ports = [{"name": "tcp-comm", "containerPort": PORT, "protocol": "TCP"}]
    probe = {"tcpSocket": {"port": "tcp-comm"}, "periodSeconds": 1}
    container = {**_container("scheduler", words, asked, _SCHEDULER), "ports": ports, "readinessProbe": probe}
    scheduler = {"spec": _pod(names, asked, container), "service": _service(names)}
    worker = {"replicas": 0, **_worker(names, asked)}
    spec = {"idleTimeout": 0, "scheduler": scheduler, "worker": worker}
    return {"apiVersion": DASK, "kind": "DaskCluster", "metadata": _metadata(names, names.cluster), "spec": spec}


def worker_group(names: Names, number: int, asked: Asked) -> dict[str, Any]:
    """One worker. A group of its own, so that pexec, and not the operator, chooses which one is ended."""
    metadata = _metadata(names, names.worker_group(number))
    spec = {"cluster": names.cluster, "worker": {"replicas": 1, **_worker(names, asked)}}
    return {"apiVersion": DASK, "kind": "DaskWorkerGroup", "metadata": metadata, "spec": spec}


def tls_secret(names: Names, texts: Mapping[str, str], owner_uid: str) -> dict[str, Any]:
    """The certificates of the run. It is deleted with its owner, the cluster."""
    owner = {"apiVersion": DASK, "kind": "DaskCluster", "name": names.cluster, "uid": owner_uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**_metadata(names, names.cluster), "ownerReferences": [owner]},
        "type": "Opaque",
        "data": {f"{name}.pem": base64.b64encode(text.encode()).decode() for name, text in texts.items()},
    }


def role(namespace: str | None) -> dict[str, Any]:
    """What the user who runs pexec must be allowed to do."""
    rules = (
        ("kubernetes.dask.org", ["daskclusters"], ["get", "list", "create", "delete"]),
        ("kubernetes.dask.org", ["daskworkergroups"], ["create", "delete"]),
        ("", ["secrets"], ["create"]),
        ("", ["pods"], ["get", "list"]),
        ("", ["pods/portforward"], ["get", "create"]),
        ("apps", ["deployments"], ["list"]),
    )
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "pexec", **({"namespace": namespace} if namespace else {})},
        "rules": [{"apiGroups": [group], "resources": kinds, "verbs": verbs} for group, kinds, verbs in rules],
    }


def _metadata(names: Names, name: str) -> dict[str, Any]:
    labels = {**_MANAGED, RUN_LABEL: names.run, "dask.org/cluster-name": names.cluster}
    return {"name": name, "namespace": names.namespace, "labels": labels}


def _service(names: Names) -> dict[str, Any]:
    return {
        "type": "ClusterIP",
        "selector": {"dask.org/cluster-name": names.cluster, "dask.org/component": "scheduler"},
        "ports": [{"name": "tcp-comm", "port": PORT, "targetPort": "tcp-comm", "protocol": "TCP"}],
    }


def _worker(names: Names, asked: Asked) -> dict[str, Any]:
    address = f"tls://{scheduler_host(names)}:{PORT}"
    words = ["orchestrator.cluster.worker.queue_worker", address, "--name", "$(DASK_WORKER_NAME)"]
    words += ["--nthreads", str(asked.slots), "--death-timeout", str(_JOIN_SECONDS)]
    settings = asked.settings
    resources = {"cpu": str(asked.slots), **({"memory": str(settings.memory)} if settings.memory else {})}
    container = _container("worker", words, asked, resources)
    claims = [
        {"name": f"claim-{number}", "mountPath": path} for number, path in enumerate(settings.claims.values(), start=1)
    ]
    container["volumeMounts"] += claims
    pod = _pod(names, asked, container)
    pod["volumes"] += [
        {"name": f"claim-{number}", "persistentVolumeClaim": {"claimName": claim}}
        for number, claim in enumerate(settings.claims, start=1)
    ]
    if settings.node_selector:
        pod["nodeSelector"] = dict(settings.node_selector)
    return {"spec": pod}


def _container(name: str, words: list[str], asked: Asked, resources: Mapping[str, str]) -> dict[str, Any]:
    tls = [word for file in TLS_FILES for word in (_FLAGS[file], f"{TLS_DIRECTORY}/{file}.pem")]
    return {
        "name": name,
        "image": asked.settings.image,
        "command": [asked.settings.python, "-m"],
        "args": [*words, *tls],
        "env": [{"name": "HOME", "value": "/tmp"}],  # that of the image may not be this user's
        "resources": {"requests": dict(resources), "limits": dict(resources)},
        "volumeMounts": [{"name": "tls", "mountPath": TLS_DIRECTORY, "readOnly": True}],
    }


_FLAGS = {"ca": "--tls-ca-file", "cert": "--tls-cert", "key": "--tls-key"}


def _pod(names: Names, asked: Asked, container: Mapping[str, Any]) -> dict[str, Any]:
    settings = asked.settings
    pod: dict[str, Any] = {
        "containers": [container],
        "securityContext": {"runAsUser": asked.uid, "runAsGroup": asked.gid},
        "terminationGracePeriodSeconds": _END_SECONDS,
        "enableServiceLinks": False,
        # Kubernetes gives the files to root: others read them in this pod alone.
        "volumes": [{"name": "tls", "secret": {"secretName": names.cluster, "defaultMode": 0o444}}],
    }
    if settings.service_account is None:
        pod["automountServiceAccountToken"] = False
    else:
        pod["serviceAccountName"] = settings.service_account
    return pod
