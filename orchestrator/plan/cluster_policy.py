"""Where the jobs of a plan run: the cluster that is chosen, from its keys."""

from __future__ import annotations

import re

from orchestrator.errors import UsageError
from orchestrator.manifest.cluster_keys import LOCAL_CLUSTER, ClusterKeys
from orchestrator.manifest.cluster_kinds import KubernetesKeys, is_loopback
from orchestrator.manifest.gateway_keys import URL_PATTERN, GatewayKeys
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.queue_keys import QUEUES, QueueKeys
from orchestrator.plan.inputs import Overrides
from orchestrator.plan.policy_parts import (
    ClusterPolicy,
    GatewayPolicy,
    KubernetesPolicy,
    QueuePolicy,
    SshPolicy,
    TlsPolicy,
)


def expand_cluster(manifest: Manifest, overrides: Overrides, cpus: int) -> ClusterPolicy | None:
    """None for pexec's own process. Raises UsageError for a name that the manifest does not have: one of its own was
    checked already."""
    name = overrides.cluster or manifest.policy.cluster
    if name == LOCAL_CLUSTER:
        return None
    if name not in manifest.clusters:
        raise UsageError(f"unknown cluster `{name}`", help=cluster_hint(name, manifest))
    cluster = manifest.clusters[name]
    count, slots = _size(cluster, cpus)
    queues = {kind: _queue(asked) for kind, asked in _queues(cluster).items()}
    workers, tls, ssh, pods = cluster.workers, cluster.tls, cluster.ssh, cluster.kubernetes
    return ClusterPolicy(
        name,
        count,
        slots,
        cluster.labels,
        None if workers.min is None else min(workers.min, count),
        workers.idle,
        workers.start,
        cluster.lease,
        address=cluster.address,
        tls=None if tls is None else TlsPolicy(tls.ca, tls.cert, tls.key),
        ssh=None if ssh is None else SshPolicy(ssh.hosts, ssh.python, ssh.options),
        kubernetes=None if pods is None else _kubernetes(pods),
        gateway=None if cluster.gateway is None else _gateway(name, cluster.gateway, manifest),
        files=cluster.files,
        dir=cluster.dir,
        **queues,
    )


def cluster_hint(name: str, manifest: Manifest) -> str:
    """What to write in place of an unknown cluster."""
    from orchestrator.diagnostics.suggest import did_you_mean  # late: for an error

    known = ", ".join(f"`{one}`" for one in (LOCAL_CLUSTER, *manifest.clusters))
    return did_you_mean(name, (LOCAL_CLUSTER, *manifest.clusters)) or f"`clusters` declares clusters; known are {known}"


def _size(cluster: ClusterKeys, cpus: int) -> tuple[int, int]:
    """The number of workers, and of the slots of each; 0 where only the workers know."""
    if cluster.address is not None:
        return 0, 0
    if cluster.ssh is not None:
        return len(cluster.ssh.hosts), cluster.ssh.slots or 0
    if cluster.processes is None:
        return cluster.workers.max or 1, 0 if cluster.gateway is not None else _cores(cluster)
    if isinstance(cluster.processes, int):
        return cluster.processes, max(1, cpus // cluster.processes)
    return cluster.processes.count, cluster.processes.slots or max(1, cpus // cluster.processes.count)


def _cores(cluster: ClusterKeys) -> int:
    """Of a worker that is requested with this many."""
    if cluster.kubernetes is not None:
        return cluster.kubernetes.cpus
    (asked,) = _queues(cluster).values()
    return asked.cores


def _queues(cluster: ClusterKeys) -> dict[str, QueueKeys]:
    """The queueing system that it has, if any."""
    return {kind: asked for kind in QUEUES if (asked := getattr(cluster, kind)) is not None}


def _kubernetes(keys: KubernetesKeys) -> KubernetesPolicy:
    return KubernetesPolicy(
        keys.image,
        keys.memory,
        keys.namespace,
        keys.context,
        keys.claims,
        keys.service_account,
        keys.node_selector,
        keys.python,
    )


def _gateway(cluster: str, keys: GatewayKeys, manifest: Manifest) -> GatewayPolicy:
    secret = keys.secret_name()
    if secret is not None and secret not in manifest.secrets:  # named by the settings: a manifest's is checked already
        raise UsageError(
            f"unknown secret `{secret}` in `gateway` of the cluster `{cluster}`",
            help=f"declare it in the manifest: `secrets: {{{secret}: {{env: {secret}}}}}`",
        )
    matched = re.fullmatch(URL_PATTERN, keys.address)
    assert matched is not None
    is_encrypted = matched["scheme"] == "https" or is_loopback(matched["host"])
    return GatewayPolicy(keys.address, keys.proxy, keys.auth, keys.user, secret, keys.options, is_encrypted)


def _queue(asked: QueueKeys) -> QueuePolicy:
    return QueuePolicy(asked.queue, asked.memory, asked.walltime, asked.charged(), asked.interface, asked.options())
