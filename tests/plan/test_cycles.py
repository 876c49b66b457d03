"""Which cycle is told for jobs that wait for each other."""

from __future__ import annotations

import pytest
from support.dags import big_dag

from orchestrator.plan import cycles
from orchestrator.plan.cycles import Component, find_knots


def test_a_graph_without_cycles_has_no_knots() -> None:
    assert find_knots(((), (0,), (0, 1))) == ()


def test_a_cycle_reads_as_each_job_waiting_for_the_next_from_the_first_declared() -> None:
    assert find_knots(((2,), (0,), (1,))) == (Component((0, 1, 2), (0, 2, 1), has_more=False),)


def test_a_job_that_waits_for_itself_is_a_cycle_of_one() -> None:
    assert find_knots(((0,), (0,))) == (Component((0,), (0,), has_more=False),)


def test_a_cycle_is_entered_where_it_is_declared_first_wherever_it_was_found() -> None:
    assert [knot.cycle for knot in find_knots(((3,), (3,), (1,), (2,)))] == [(1, 3, 2)]


def test_of_two_cycles_in_one_knot_the_shorter_is_told_and_that_there_are_more() -> None:
    assert find_knots(((1,), (2,), (3, 1), (0,))) == (Component((0, 1, 2, 3), (1, 2), has_more=True),)


def test_each_knot_has_its_own_cycle() -> None:
    waits = ((3,), (2,), (1,), (0, 1), (4, 0))
    assert [knot.cycle for knot in find_knots(waits)] == [(0, 3), (1, 2), (4,)]


def test_a_job_that_only_needs_a_knot_is_not_part_of_it() -> None:
    assert [knot.jobs for knot in find_knots(((1,), (0,), (0, 1)))] == [(0, 1)]


def test_a_ring_of_a_hundred_thousand_jobs_is_told_whole() -> None:
    jobs = 100_000
    ring = tuple(((job + 1) % jobs,) for job in range(jobs))
    assert find_knots(ring) == (Component(tuple(range(jobs)), tuple(range(jobs)), has_more=False),)


def test_one_wrong_edge_in_a_large_plan_gives_one_cycle_through_it() -> None:
    waits = list(big_dag(20_000))
    waits[0] = (19_999,)
    (knot,) = find_knots(waits)
    assert knot.cycle[:2] == (0, 19_999)
    assert all(after in waits[job] for job, after in zip(knot.cycle, knot.cycle[1:] + knot.cycle[:1], strict=True))


def test_when_the_search_budget_is_used_up_what_is_told_is_still_a_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "SEARCH_BUDGET", -1_000)
    jobs = 60
    waits = tuple(((job + 1) % jobs, (job - 7) % jobs) for job in range(jobs))
    (knot,) = find_knots(waits)
    assert all(after in waits[job] for job, after in zip(knot.cycle, knot.cycle[1:] + knot.cycle[:1], strict=True))
