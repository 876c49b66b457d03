"""Which cycle is shown for jobs that wait for each other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.dags import big_dag

from orchestrator.plan import cycles
from orchestrator.plan.cycles import CyclicComponent, cyclic_components


def is_cycle(jobs: tuple[int, ...], waits: Sequence[Sequence[int]]) -> bool:
    return all(awaited in waits[job] for job, awaited in zip(jobs, jobs[1:] + jobs[:1], strict=True))


def test_an_acyclic_graph_has_no_cyclic_component() -> None:
    assert cyclic_components(((), (0,), (0, 1))) == ()


def test_a_cycle_reads_as_each_job_waiting_for_the_next_from_the_first_declared() -> None:
    assert cyclic_components(((2,), (0,), (1,))) == (CyclicComponent((0, 1, 2), (0, 2, 1), has_more=False),)


def test_a_job_that_waits_for_itself_is_a_cycle_of_one() -> None:
    assert cyclic_components(((0,), (0,))) == (CyclicComponent((0,), (0,), has_more=False),)


def test_a_cycle_starts_with_the_job_declared_first_wherever_it_was_found() -> None:
    assert [component.cycle for component in cyclic_components(((3,), (3,), (1,), (2,)))] == [(1, 3, 2)]


def test_of_two_cycles_in_one_component_the_shorter_is_shown_and_that_there_are_more() -> None:
    assert cyclic_components(((1,), (2,), (3, 1), (0,))) == (CyclicComponent((0, 1, 2, 3), (1, 2), has_more=True),)


def test_each_component_has_its_own_cycle() -> None:
    waits = ((3,), (2,), (1,), (0, 1), (4, 0))
    assert [component.cycle for component in cyclic_components(waits)] == [(0, 3), (1, 2), (4,)]


def test_a_job_that_only_needs_a_component_is_not_part_of_it() -> None:
    assert [component.jobs for component in cyclic_components(((1,), (0,), (0, 1)))] == [(0, 1)]


@pytest.mark.cost
def test_a_cycle_of_a_hundred_thousand_jobs_is_found_whole() -> None:
    jobs = 100_000
    ring = tuple(((job + 1) % jobs,) for job in range(jobs))
    assert cyclic_components(ring) == (CyclicComponent(tuple(range(jobs)), tuple(range(jobs)), has_more=False),)


def test_one_wrong_edge_in_a_large_plan_gives_one_cycle_through_it() -> None:
    waits = list(big_dag(20_000))
    waits[0] = (19_999,)
    (component,) = cyclic_components(waits)
    assert component.cycle[:2] == (0, 19_999)
    assert all(
        after in waits[job]
        for job, after in zip(component.cycle, component.cycle[1:] + component.cycle[:1], strict=True)
    )


def test_when_the_search_budget_is_used_up_what_is_shown_is_still_a_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "SEARCH_BUDGET", -1_000)
    jobs = 60
    waits = tuple(((job + 1) % jobs, (job - 7) % jobs) for job in range(jobs))
    (component,) = cyclic_components(waits)
    assert all(
        after in waits[job]
        for job, after in zip(component.cycle, component.cycle[1:] + component.cycle[:1], strict=True)
    )
