"""A run whose jobs' lengths are known is as short as list scheduling makes it: the longest chain goes first.

In simulation, without any cost: the engine decides, and attempts end when their time has come.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Sequence

import pytest

from benchmarks.graphs import Graph, diamonds, layers, scattered
from benchmarks.makespan import durations
from benchmarks.simulate import bound, list_schedule
from orchestrator.engine.commands import Launch
from orchestrator.engine.facts import AttemptFinished, AttemptStarted, RunStarted
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import Verdict
from orchestrator.plan.estimate import with_durations
from orchestrator.plan.graph import levels
from orchestrator.plan.model import JobSpec, Order, Plan, PlannedJob, Policy

GRAPHS = {"layers": layers(200, 10), "random": scattered(200), "diamonds": diamonds(200)}


def planned(graph: Graph, slots: int, order: Order = Order.CRITICAL_PATH) -> Plan:
    """The plan of a graph about whose jobs nothing is known."""
    jobs = tuple(
        PlannedJob(index=index, id=str(index), workflow=str(index), spec=JobSpec(run="true"), needs=tuple(needs))
        for index, needs in enumerate(graph)
    )
    policy = Policy(max_parallel_jobs=slots, order=order)
    return Plan("simulated", "pexec.yaml", "/", policy, jobs, levels(graph))


def simulated(plan: Plan, seconds: Sequence[float]) -> float:
    """When the run ends if every attempt takes as long as its job does."""
    scheduler = Scheduler(plan)
    scheduler.apply(RunStarted(0.0))
    running: list[tuple[float, int, int]] = []
    now = 0.0
    while not scheduler.finished:
        for command in scheduler.decide(now):
            assert isinstance(command, Launch)
            scheduler.apply(AttemptStarted(now, command.job, command.attempt))
            heapq.heappush(running, (now + seconds[command.job], command.job, command.attempt))
        now, job, attempt = heapq.heappop(running)
        scheduler.apply(AttemptFinished(now, job, attempt, Verdict.SUCCEEDED, 0))
    return now


@pytest.mark.parametrize("slots", [2, 4, 8])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_run_with_known_durations_is_as_short_as_list_scheduling_makes_it(name: str, slots: int) -> None:
    graph = GRAPHS[name]
    seconds = durations(len(graph), seed=slots)
    known = {str(job): length for job, length in enumerate(seconds)}
    end = simulated(with_durations(planned(graph, slots), known), seconds)
    assert end == pytest.approx(list_schedule(graph, seconds, slots), rel=0.01)
    assert end >= bound(graph, seconds, slots) - 1e-9


def test_durations_that_were_a_little_different_last_time_cost_little() -> None:
    draw = random.Random(7)
    worse = []
    for graph in GRAPHS.values():
        seconds = durations(len(graph), seed=3)
        known = {str(job): length * draw.uniform(0.8, 1.2) for job, length in enumerate(seconds)}
        end = simulated(with_durations(planned(graph, 4), known), seconds)
        worse.append(end / list_schedule(graph, seconds, 4))
    assert max(worse) <= 1.05


def test_known_durations_make_runs_shorter_than_the_declared_order_does() -> None:
    ratios = []
    for seed in range(6):
        graph = scattered(200, seed)
        seconds = durations(len(graph), seed)
        known = {str(job): length for job, length in enumerate(seconds)}
        first = simulated(with_durations(planned(graph, 4), known), seconds)
        ratios.append(first / simulated(planned(graph, 4, Order.DECLARED), seconds))
    assert statistics.median(ratios) < 0.99
