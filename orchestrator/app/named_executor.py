"""The one place that chooses the executor of a run: pexec's own, or that of the cluster in the plan.

Runs without a cluster import nothing of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from orchestrator.errors import RefusedError
from orchestrator.execute.attempt.worker import Worker
from orchestrator.execute.executors.open_executor import OpenExecutor, open_executor
from orchestrator.execute.inbox import Inbox
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.plan.policy_parts import ClusterPolicy

PACKAGES = ("distributed", "cryptography")
JOBQUEUE = ("dask-jobqueue",)
KR8S = ("kr8s",)
GATEWAY = ("dask-gateway",)
KERBEROS = (*GATEWAY, "kerberos")


def open_for(plan: Plan, jobs: Sequence[PlannedJob], run_dir: str, worker: Worker, inbox: Inbox[Any]) -> OpenExecutor:
    """The executor for the run of the plan in this directory. `jobs` are those of the plan, and later those that have
    taken the place of a placeholder. Raises EnvironmentFailedError."""
    cluster = plan.policy.cluster
    if cluster is None:
        return open_executor("local", run_dir, worker, plan.policy.max_parallel_jobs, inbox)
    from orchestrator.cluster.executor import open_dask

    return open_dask(plan, jobs, cluster, run_dir, worker, inbox)


def refuse_cluster(plan: Plan) -> None:
    """Raises RefusedError if the cluster of the plan, if it has one, cannot be used as it is declared: before any
    connection."""
    cluster = plan.policy.cluster
    if cluster is None:
        return
    refuse_without_packages(cluster.name, _packages_of(cluster))
    if cluster.queue is not None:
        _refuse_without_programs(cluster.name, cluster.queue[0])
    from orchestrator.cluster.deployments.tls_files import tls_files

    if not cluster.is_encrypted:
        job = next((job for job in plan.jobs if job.spec.secrets), None)
        if job is not None:
            raise RefusedError(
                f"`{job.id}` uses secrets, but the connection to the cluster `{cluster.name}` is not encrypted",
                help=f"use {'an `https://`' if cluster.gateway else 'a `tls://`'} address, or `--cluster local`",
                code="PX314",
            )
    for path in tls_files(cluster.tls, plan.base_dir).values():
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            why = (error.strerror or "unknown error").lower()
            raise RefusedError(
                f"cannot read `{path}`, in `tls` of the cluster `{cluster.name}`: {why}",
                help="paths are relative to the manifest's directory",
                code="PX433",
            ) from None


def _packages_of(cluster: ClusterPolicy) -> tuple[str, ...]:
    """Those that this kind needs in addition."""
    if cluster.gateway is not None:
        return KERBEROS if cluster.gateway.auth == "kerberos" else GATEWAY
    return JOBQUEUE if cluster.queue is not None else KR8S if cluster.kubernetes is not None else ()


def _refuse_without_programs(cluster: str, queue: str) -> None:
    from orchestrator.cluster.queues.by_name import SYSTEMS

    system = SYSTEMS[queue]
    absent = [f"`{name}`" for name in system.programs if shutil.which(name) is None]
    if absent:
        *others, last = absent
        names = f"{', '.join(others)} and {last}" if others else last
        raise RefusedError(
            f"the cluster `{cluster}` needs {names} of {system.name}, which {'are' if others else 'is'} not on PATH",
            help=f"pexec submits jobs from this machine: run it where `{system.programs[0]}` works",
            code="PX318",
        )


def missing_packages(more: Sequence[str] = ()) -> list[str]:
    """Those that clusters need, and those in addition that this one needs, which are not installed."""
    import importlib.util  # late: most runs have no cluster

    return [name for name in (*PACKAGES, *more) if importlib.util.find_spec(name.replace("-", "_")) is None]


def refuse_without_packages(cluster: str, more: Sequence[str] = ()) -> None:
    """Raises RefusedError if what clusters need is not installed."""
    missing = missing_packages(more)
    if missing:
        raise RefusedError(
            f"the cluster `{cluster}` needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed",
            help=f"`pip install {' '.join((*PACKAGES, *more))}`",
            code="PX310",
        )
