"""A run whose jobs' lengths are known is as short as list scheduling makes it: the longest chain goes first.

In simulation, without any cost: the engine decides, and attempts end when their time has come.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Sequence

import pytest

from benchmarks.graphs import Graph, diamonds, layers, scattered, with_barriers
from benchmarks.makespan import durations
from benchmarks.simulate import bound, list_schedule
from benchmarks.speedup import staircase
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


@pytest.mark.parametrize("slots", [1, 2, 4, 8])
@pytest.mark.parametrize("name", [*GRAPHS, "staircase"])
def test_a_run_is_never_longer_than_the_work_and_within_twice_the_bound(name: str, slots: int) -> None:
    """One job after the other takes as long as all work together, and so does a run with one slot. With more, no
    schedule that leaves no slot idle while a job is ready takes longer than (2 - 1 / slots) times the bound."""
    graph, seconds = staircase(8, 0.4, 0.02) if name == "staircase" else (GRAPHS[name], durations(200, seed=5))
    end = simulated(planned(graph, slots), seconds)
    assert end <= (2 - 1 / slots) * bound(graph, seconds, slots) + 1e-9
    if slots == 1:
        assert end == pytest.approx(sum(seconds))


@pytest.mark.parametrize("slots", [2, 4, 8])
@pytest.mark.parametrize("name", ["layers", "random"])
def test_a_run_is_shorter_than_one_that_waits_for_each_level_to_end(name: str, slots: int) -> None:
    graph, seconds = GRAPHS[name], durations(200, seed=5)
    barred, order = with_barriers(graph)
    with_waits = simulated(planned(barred, slots), [seconds[job] for job in order])
    assert simulated(planned(graph, slots), seconds) < with_waits


def test_where_each_level_has_its_long_job_in_another_chain_a_run_is_as_short_as_one_chain() -> None:
    graph, seconds = staircase(8, 0.4, 0.02)
    assert simulated(planned(graph, 8), seconds) == pytest.approx(0.4 + 7 * 0.02)
