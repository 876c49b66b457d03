"""Levels, ranks and the critical path of graphs that a reader can check."""

from __future__ import annotations

import pytest

from orchestrator.plan.graph import CycleError, Urgency, levels, urgency

DIAMOND = ((), (0,), (0,), (1, 2))


def test_a_job_is_one_level_above_the_highest_that_it_waits_for() -> None:
    assert levels(((), (0,), (0, 1), ())) == ((0, 3), (1,), (2,))


def test_needs_may_be_declared_behind_the_job_that_has_them() -> None:
    assert levels(((2,), (), (1,))) == ((1,), (2,), (0,))


def test_nothing_has_no_levels() -> None:
    assert levels(()) == ()
    assert urgency((), ()) == Urgency((), ())


def test_a_need_that_is_named_twice_counts_once() -> None:
    assert levels(((), (0, 0))) == ((0,), (1,))


@pytest.mark.parametrize("waits", [((0,),), ((1,), (0,)), ((), (0, 2), (1,))])
def test_a_cycle_has_no_levels(waits: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(CycleError):
        levels(waits)


def test_a_rank_counts_the_jobs_from_here_to_the_end_of_the_longest_chain() -> None:
    assert urgency(DIAMOND, levels(DIAMOND)).ranks == (3.0, 2.0, 2.0, 1.0)


def test_among_equal_chains_the_job_declared_first_is_on_the_critical_path() -> None:
    assert urgency(DIAMOND, levels(DIAMOND)).path == (0, 1, 3)


def test_the_critical_path_follows_durations_where_they_are_known() -> None:
    assert urgency(DIAMOND, levels(DIAMOND), (1.0, 2.0, 5.0, 1.5)) == Urgency((7.5, 3.5, 6.5, 1.5), (0, 2, 3))


def test_one_long_job_can_be_the_critical_path() -> None:
    waits = ((), (0,), ())
    assert urgency(waits, levels(waits), (1.0, 1.0, 9.0)).path == (2,)


def test_the_jobs_of_a_level_stand_in_their_order() -> None:
    assert levels(((), (), (1,), (0,), (2, 3))) == ((0, 1), (2, 3), (4,))
