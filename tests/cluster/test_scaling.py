"""How many workers there should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cluster.placement import Demand, WorkerRoom
from orchestrator.cluster.scaling import Scaling, workers_for

GIB = 1 << 30
SHARED = WorkerRoom("", "", 4, 0, 0, frozenset({"ssd"}))
SIZED = WorkerRoom("", "", 4, 8, 16 * GIB, frozenset({"ssd"}), is_sized=True)
GPU = Demand(requires=frozenset({"gpu"}))
HOME = Demand(is_local=True)


@pytest.mark.parametrize(
    ("waiting", "new", "workers"),
    [
        ([], SHARED, 0),
        ([Demand()] * 4, SHARED, 1),
        ([Demand(99)] * 5, SHARED, 2),
        ([Demand()] * 99, SHARED, 10),
        ([GPU, HOME], SHARED, 0),
        ([GPU, HOME, Demand()], SIZED, 1),
        ([Demand(5)] * 3, SIZED, 3),
        ([Demand(5), Demand(3), Demand(5), Demand(3)], SIZED, 2),
        ([Demand(0, 9 * GIB)] * 2, SIZED, 2),
        ([Demand(1)] * 5, SIZED, 2),
        ([Demand(9)] * 5, SIZED, 0),
        ([Demand(8)] * 99, SIZED, 10),
    ],
)
def test_jobs_that_wait_need_so_many_workers(waiting: list[Demand], new: WorkerRoom, workers: int) -> None:
    assert workers_for(waiting, new, 10) == workers


def scaling(least: int = 0, most: int = 5, idle: float = 60.0) -> Scaling:
    return Scaling(least, most, idle, SHARED)


def test_more_are_wanted_at_once_and_those_that_start_already_are_counted() -> None:
    made = scaling()
    assert made.grow([Demand()] * 6, 0)
    assert made.wanted == 2
    assert not made.grow([Demand()] * 8, 0)  # they are starting
    assert not made.grow([Demand()] * 4, 1)  # one has joined and is full, the other takes these
    assert made.grow([Demand()] * 5, 1)
    assert made.wanted == 3
    assert made.grow([Demand()] * 99, 3)
    assert made.wanted == 5
    assert not made.grow([Demand()] * 99, 5)


def test_a_worker_ends_when_it_has_been_empty_for_long_enough_and_the_least_number_stays() -> None:
    made = scaling(least=1)
    made.grow([Demand()] * 12, 0)
    assert made.wanted == 3
    assert (made.shrink(["a"], 10.0, 3), made.look_again_at) == ([], 70.0)
    assert (made.shrink(["a", "b"], 69.0, 3), made.look_again_at) == ([], 70.0)
    assert (made.shrink(["a", "b", "c"], 70.0, 3), made.look_again_at, made.wanted) == (["a"], 129.0, 2)
    assert (made.shrink(["c"], 128.0, 2), made.look_again_at) == ([], 130.0)  # b has work again
    assert made.shrink(["b", "c"], 150.0, 2) == ["c"]
    assert (made.shrink(["b"], 999.0, 1), made.look_again_at, made.wanted) == ([], None, 1)


def test_a_worker_that_took_the_place_of_one_that_was_to_end_ends_in_its_turn() -> None:
    made = scaling(least=1)
    made.grow([Demand()] * 8, 0)
    assert made.shrink(["a", "b"], 0.0, 2) == []
    assert made.shrink(["a", "b"], 60.0, 2) == ["a"]  # which has just died
    assert (made.shrink(["c"], 61.0, 2), made.look_again_at) == ([], 121.0)
    assert (made.shrink(["b", "c"], 121.0, 2), made.wanted) == (["c"], 1)
    assert made.shrink(["b"], 999.0, 1) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.sets(st.sampled_from("abcde")), st.integers(0, 100)), max_size=20))
def test_there_are_never_more_than_the_most_nor_fewer_than_the_least(
    steps: list[tuple[int, set[str], int]],
) -> None:
    made, now = scaling(least=1, most=4), 0.0
    present = set("a")
    for waiting, empty, seconds in steps:
        now += seconds
        before = made.wanted
        assert made.grow([Demand()] * waiting, len(present)) == (made.wanted > before)
        ended = made.shrink(sorted(empty & present), now, len(present))
        assert set(ended) <= empty & present
        assert 1 <= made.wanted <= 4
        present -= set(ended)
        present |= set("abcde"[: max(0, made.wanted - len(present))])
        assert waiting == 0 or ended or made.wanted >= min(4, len(present))
