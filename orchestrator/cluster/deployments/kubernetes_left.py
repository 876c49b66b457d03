"""What a run has in Kubernetes is noted in its directory, for a resume to delete if pexec is killed."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import msgspec
from msgspec import Struct

from orchestrator.cluster.deployments.bring import UnusableWorkerError
from orchestrator.cluster.deployments.kubernetes_api import KubernetesApi
from orchestrator.journal.file_names import PODS
from orchestrator.plan.policy_parts import KubernetesPolicy


class Left(Struct, frozen=True):
    """A DaskCluster, and how it was reached."""

    context: str | None
    namespace: str
    cluster: str


def note(run_dir: str, left: Left) -> None:
    """Before it is created."""
    descriptor = os.open(os.path.join(run_dir, PODS), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(left))


def forget(run_dir: str) -> None:
    """It has been deleted."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(run_dir, PODS))


def delete_left(run_dir: str) -> str:
    """Delete what is noted in this directory; why that was not possible."""
    try:
        descriptor = os.open(os.path.join(run_dir, PODS), os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            left = msgspec.json.decode(file.read(), type=Left)
    except (OSError, ValueError) as error:
        return str(error)
    try:
        asyncio.run(_delete(left))
    except UnusableWorkerError as error:
        by_hand = f"kubectl delete daskcluster {left.cluster} --namespace {left.namespace}"
        return f"{error.refusal.why}; `{by_hand}` deletes it"
    except ImportError:
        return "kr8s is not installed"
    forget(run_dir)
    return ""


async def _delete(left: Left) -> None:
    settings = KubernetesPolicy("", namespace=left.namespace, context=left.context)
    api = await KubernetesApi.connect(settings)
    try:
        await api.delete("DaskCluster", left.cluster)
    finally:
        await api.close()
