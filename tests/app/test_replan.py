"""The plan of a manifest that cannot be read again, resumed elsewhere."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.worlds import job, plan

from orchestrator.app.replan import on_cluster, with_slots
from orchestrator.plan.model import Plan
from orchestrator.plan.policy_parts import MOST_SLOTS, ClusterPolicy

LAB = ClusterPolicy("lab", address="tcp://localhost:1")


def of(cluster: ClusterPolicy, slots: int) -> Plan:
    drawn = plan(job("a"), max_parallel_jobs=slots)
    return replace(drawn, policy=replace(drawn.policy, cluster=cluster))


@pytest.mark.parametrize(("cluster", "slots"), [(LAB, MOST_SLOTS), (ClusterPolicy("pair", 2, 8), 16)])
def test_at_home_as_many_jobs_run_as_by_default_if_it_was_as_many_as_the_workers_have_slots(
    cluster: ClusterPolicy, slots: int
) -> None:
    policy = on_cluster(of(cluster, slots), "local").policy
    assert (policy.cluster, policy.max_parallel_jobs) == (None, 4)


def test_a_number_that_was_chosen_stays() -> None:
    assert on_cluster(of(LAB, 3), "local").policy.max_parallel_jobs == 3
    assert with_slots(on_cluster(of(LAB, MOST_SLOTS), "local"), 1_000).policy.max_parallel_jobs == 1_000
    assert on_cluster(of(LAB, MOST_SLOTS), "lab").policy.max_parallel_jobs == MOST_SLOTS
