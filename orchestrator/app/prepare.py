"""What a run needs before its run directory exists: limits and isolation that the host supports, disk, and secrets."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.app.named_executor import refuse_cluster
from orchestrator.app.resolve_secrets import keep_secrets
from orchestrator.execute.preflight import check_resources
from orchestrator.execute.secrets.masking import masked_plan
from orchestrator.execute.secrets.secret_values import Secrets
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.plan.model import NO_LIMITS, Isolation, Plan


class Prepared(Struct, frozen=True):
    """A plan that can run on this host. `masked` is the plan as files may contain it, without values of secrets;
    `degraded` are the limits and the isolation that jobs get only in part, and why."""

    plan: Plan
    masked: Plan
    secrets: Secrets
    degraded: tuple[tuple[str, str], ...]


def prepare(plan: Plan, supervisor: Supervisor, directory: str, jobs: int) -> Prepared:
    """Check that `jobs` jobs of the plan can run here, with their files in `directory`, and resolve its secrets.

    Raises RefusedError if a job requires what the host, or its cluster, does not support, or a secret is missing, and
    EnvironmentFailedError if the disk is too small.
    """
    refuse_cluster(plan)
    check_resources(directory, jobs)  # first: what follows waits for what is missing
    degraded = _degraded(plan, supervisor)
    secrets = keep_secrets(plan, supervisor)
    return Prepared(plan, masked_plan(plan, secrets), secrets, degraded)


def _degraded(plan: Plan, supervisor: Supervisor) -> tuple[tuple[str, str], ...]:
    """The limits and the isolation that the host does not fully support, of jobs that run on it. Raises RefusedError if
    a job requires them."""
    cluster = plan.policy.cluster
    here = [job for job in plan.jobs if cluster is None or cluster.is_here or job.where == "local"]
    limited = [job for job in here if job.spec.limits is not NO_LIMITS]
    isolated = [job for job in here if job.spec.isolation is not Isolation.NONE]
    missing: list[tuple[str, str]] = []
    if limited:
        supervisor.enforcement.refuse_missing(limited)
        missing += supervisor.enforcement.missing_for(limited)
    if isolated:
        supervisor.isolations.refuse_missing(isolated)
        missing += supervisor.isolations.missing_for(isolated)
    return tuple(missing)
