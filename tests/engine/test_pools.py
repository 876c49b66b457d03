"""Which jobs may start: slots, pools, and the order of the ready queue."""

from __future__ import annotations

import pytest
from support.worlds import World, job, plan

from orchestrator.engine.scheduler import Scheduler
from orchestrator.plan.model import Order

ONE, TWO = (("gpu", 1),), (("gpu", 2),)


def test_no_more_jobs_run_than_there_are_slots() -> None:
    world = World.started(job("a"), job("b"), job("c"), max_parallel_jobs=2)
    assert world.running == ["a", "b"]
    assert world.names(world.end("b")) == ["launch c"]


def test_priority_goes_before_the_critical_path_and_that_before_the_declared_order() -> None:
    drafts = [job("a", rank=1.0), job("b", rank=1.0), job("c", rank=9.0), job("d", priority=1, rank=0.0)]
    assert World.started(*drafts).running == ["d", "c", "a", "b"]
    assert World.started(*drafts, order=Order.DECLARED).running == ["d", "a", "b", "c"]


def test_a_job_without_room_in_its_pool_does_not_hold_up_those_that_need_no_pool() -> None:
    world = World.started(job("a", pools=ONE), job("b", pools=ONE), job("c"), pools={"gpu": 1}, max_parallel_jobs=2)
    assert world.running == ["a", "c"]


def test_a_large_demand_at_the_head_of_the_queue_is_not_starved_by_small_ones() -> None:
    drafts = [job("small1", pools=ONE), job("large", pools=TWO), job("small2", pools=ONE), job("small3", pools=ONE)]
    world = World.started(*drafts, pools={"gpu": 2})
    assert world.running == ["small1"]
    assert world.names(world.end("small1")) == ["launch large"]
    assert world.names(world.end("large")) == ["launch small2", "launch small3"]


def test_a_job_that_needs_two_pools_is_not_overtaken_in_either() -> None:
    both = (("database", 1), ("gpu", 1))
    drafts = [job("a", pools=ONE), job("b", pools=both), job("c", pools=(("database", 1),)), job("d")]
    world = World.started(*drafts, pools={"gpu": 1, "database": 1})
    assert world.running == ["a", "d"]
    assert world.names(world.end("a")) == ["launch b"]


def test_a_demand_that_its_pool_can_never_meet_is_refused_before_the_run() -> None:
    with pytest.raises(ValueError, match="job `a` could never start: it takes 2 of pool `gpu`"):
        Scheduler(plan(job("a", pools=TWO), pools={"gpu": 1}))
