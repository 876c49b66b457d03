"""The clusters that a run has at a gateway are noted in its directory, for a resume to end if pexec is killed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct

from orchestrator.cluster.deployments.bring import UnusableWorkerError
from orchestrator.cluster.deployments.gateway_api import GatewayApi
from orchestrator.errors import RefusedError
from orchestrator.execute.secrets.secret_values import resolve
from orchestrator.execute.supervisor.capture import output_of
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.journal.file_names import GATEWAY
from orchestrator.plan.policy_parts import GatewayPolicy
from orchestrator.plan.secret_source import SecretSource


class Left(Struct, frozen=True):
    """A cluster, and how its server is reached; of the secret, only where its value is found."""

    settings: GatewayPolicy
    source: SecretSource | None
    base_dir: str
    cluster: str = ""


def note(run_dir: str, left: Left) -> None:
    """It has been asked for."""
    _write(run_dir, [*_noted(run_dir), left])


def forget(run_dir: str, cluster: str) -> None:
    """It has been ended."""
    _write(run_dir, [left for left in _noted(run_dir) if left.cluster != cluster])


def delete_left(run_dir: str) -> str:
    """End what is noted in this directory; why that was not possible."""
    whys = []
    for left in _noted(run_dir):
        try:
            asyncio.run(_delete(left))
        except UnusableWorkerError as error:
            whys.append(f"the cluster {left.cluster}: {error.refusal.why}")
        except RefusedError as error:
            whys.append(f"the cluster {left.cluster} of {left.settings.address}: {error}")
        except ImportError:
            return "dask-gateway is not installed"
        else:
            forget(run_dir, left.cluster)
    return "; ".join(whys)


async def _delete(left: Left) -> None:
    api = GatewayApi(left.settings, await asyncio.to_thread(_secret, left))
    try:
        await api.stop(left.cluster)
    finally:
        await api.close()


def _secret(left: Left) -> str | None:
    """Raises RefusedError if it has no value any more."""
    name = left.settings.secret
    if name is None or left.source is None:
        return None
    supervisor = Supervisor()
    try:
        secrets = resolve(
            {name: left.source}, left.base_dir, os.environb, lambda words: output_of(words, left.base_dir, supervisor)
        )
    finally:
        supervisor.close()
    return (secrets.value_of(name) or b"").decode(errors="surrogateescape")


def _noted(run_dir: str) -> list[Left]:
    with suppress(OSError, ValueError):
        descriptor = os.open(os.path.join(run_dir, GATEWAY), os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            return msgspec.json.decode(file.read(), type=list[Left])
    return []


def _write(run_dir: str, lefts: Sequence[Left]) -> None:
    path = os.path.join(run_dir, GATEWAY)
    if not lefts:
        with suppress(FileNotFoundError):
            os.unlink(path)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(lefts))
