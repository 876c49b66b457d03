"""The one place that knows which deployment a cluster has."""

from __future__ import annotations

import os

from msgspec.structs import replace

from orchestrator.cluster.deployments.deployment import Deployment
from orchestrator.cluster.deployments.tls_files import tls_files
from orchestrator.cluster.hello import Setup
from orchestrator.cluster.portable_environment import least, portable
from orchestrator.plan.model import Plan
from orchestrator.plan.policy_parts import ClusterPolicy, GatewayPolicy


def deployment_of(cluster: ClusterPolicy, count: int, setup: Setup, plan: Plan) -> Deployment:
    """That of this cluster, for a run of the plan, with this many workers at first; `setup` is what its workers get."""
    if cluster.address is not None:
        return _existing(cluster, cluster.address, setup, plan)
    if (queue := cluster.queue) is not None:
        from orchestrator.cluster.deployments.bring import Bringer
        from orchestrator.cluster.deployments.queue import QueueDeployment
        from orchestrator.cluster.queues.by_name import SYSTEMS

        name, asked = queue
        told = replace(setup, environ=portable(os.environb), walltime=asked.walltime)
        bringer = Bringer(told, plan.base_dir)
        return QueueDeployment(SYSTEMS[name], asked, cluster.slots, count, setup.run_dir, bringer)
    if cluster.ssh is not None:
        from orchestrator.cluster.deployments.bring import Bringer
        from orchestrator.cluster.deployments.ssh import SshDeployment

        bringer = Bringer(replace(setup, environ=portable(os.environb)), plan.base_dir)
        return SshDeployment(cluster.ssh, cluster.slots, bringer, plan.base_dir)
    if cluster.kubernetes is not None:
        from orchestrator.cluster.deployments.bring import Bringer
        from orchestrator.cluster.deployments.kubernetes import KubernetesDeployment

        bringer = Bringer(replace(setup, environ=portable(os.environb)), plan.base_dir)
        return KubernetesDeployment(cluster.kubernetes, cluster.slots, count, setup.run_dir, bringer)
    if cluster.gateway is not None:
        return _of_gateway(cluster.gateway, count, setup, plan)
    from orchestrator.cluster.deployments.local_processes import ProcessDeployment

    return ProcessDeployment(count, setup)


def project_on(cluster: ClusterPolicy, plan: Plan) -> str | None:
    """Where the project is on workers that see no files of pexec; None for workers that do."""
    return (cluster.dir or plan.base_dir) if cluster.files == "none" else None


def _existing(cluster: ClusterPolicy, address: str, setup: Setup, plan: Plan) -> Deployment:
    from orchestrator.cluster.deployments.bring import Bringer
    from orchestrator.cluster.deployments.existing import ExistingDeployment

    environ = portable(os.environb) if cluster.is_encrypted else least(os.environb, _wanted(plan))
    tls = tls_files(cluster.tls, plan.base_dir)
    return ExistingDeployment(address, tls, Bringer(replace(setup, environ=environ), plan.base_dir))


def _of_gateway(settings: GatewayPolicy, count: int, setup: Setup, plan: Plan) -> Deployment:
    from orchestrator.cluster.deployments.bring import Bringer
    from orchestrator.cluster.deployments.gateway import GatewayDeployment
    from orchestrator.cluster.deployments.gateway_left import Left

    name = settings.secret or ""
    secret = setup.secrets.get(name)
    environ = portable(os.environb) if settings.is_encrypted else least(os.environb, _wanted(plan))
    return GatewayDeployment(
        Left(settings, plan.secrets.get(name), plan.base_dir),
        None if secret is None else secret.decode(errors="surrogateescape"),
        count,
        setup.run_dir,
        Bringer(replace(setup, environ=environ), plan.base_dir),
    )


def _wanted(plan: Plan) -> set[str]:
    """The variables that jobs inherit by name."""
    inherited = {job.spec.env_inherit for job in plan.jobs}
    return {name for names in inherited if isinstance(names, tuple) for name in names}
