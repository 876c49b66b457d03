"""The plan that a recorded invocation amounts to now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace

from orchestrator.app.invocation import STDIN, from_record, recorded_manifest
from orchestrator.app.planning import PlanningResult, plan_invocation
from orchestrator.errors import UsageError
from orchestrator.manifest.cluster_keys import LOCAL_CLUSTER
from orchestrator.manifest.policy_keys import PolicyKeys
from orchestrator.plan.model import Plan
from orchestrator.usable_cpus import usable_cpus

_DEFAULT_SLOTS = cast(int, PolicyKeys().max_parallel_jobs)


def can_plan_again(record: Mapping[str, Any]) -> bool:
    """Whether there is a manifest to read again: not where it came from standard input, or from a program."""
    return recorded_manifest(record) != STDIN


def plan_again(
    record: Mapping[str, Any], max_parallel_jobs: int | str | None, run_root: str, cluster: str | None = None
) -> PlanningResult:
    """Read the manifest again and plan as `record` says, except for `max_parallel_jobs` if given, and for the cluster:
    without one the manifest's or that of the settings. The runs in `run_root` decide what is urgent. Raises UsageError
    for a selection that the manifest does not have any more.
    """
    return plan_invocation(from_record(record, max_parallel_jobs, cluster), run_root)


def with_slots(plan: Plan, max_parallel_jobs: int | str | None) -> Plan:
    """The plan of a manifest that cannot be read again, perhaps with another number of parallel jobs."""
    if max_parallel_jobs is None:
        return plan
    from orchestrator.manifest.scalars import CpuShare, parse_parallel

    slots = parse_parallel(max_parallel_jobs)
    if isinstance(slots, CpuShare):
        slots = max(1, usable_cpus() * slots.percent // 100)
    return replace(plan, policy=replace(plan.policy, max_parallel_jobs=slots))


def on_cluster(plan: Plan, name: str | None) -> Plan:
    """The plan of a manifest that cannot be read again, on the cluster that it had or on none. Raises UsageError."""
    had = plan.policy.cluster
    if name is None or (had is not None and had.name == name):
        return plan
    if name == LOCAL_CLUSTER:
        slots = plan.policy.max_parallel_jobs
        if had is not None and slots == had.most_jobs:  # as many as its workers have
            slots = _DEFAULT_SLOTS
        return replace(plan, policy=replace(plan.policy, cluster=None, max_parallel_jobs=slots))
    raise UsageError(
        f"unknown cluster `{name}`", help="the manifest of this run cannot be read again; `--cluster local` needs none"
    )
