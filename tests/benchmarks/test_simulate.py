"""The reference values of the makespan tables are right."""

from __future__ import annotations

import pytest

from benchmarks.graphs import chain, flat, layers, with_barriers
from benchmarks.simulate import bound, list_schedule, ranks
from benchmarks.speedup import staircase

# Two long jobs in sequence, and four independent short ones: starting with the short ones takes longer.
FORK = [[], [], [], [], [], [4]]
SECONDS = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0]


def test_a_rank_is_the_longest_chain_from_a_job_to_the_end() -> None:
    assert ranks(FORK, SECONDS) == [1.0, 1.0, 1.0, 1.0, 4.0, 2.0]


def test_no_schedule_is_shorter_than_the_critical_path_or_the_divided_work() -> None:
    assert bound(FORK, SECONDS, 8) == 4.0
    assert bound(flat(10), [1.0] * 10, 4) == 2.5


def test_the_longest_chain_goes_first() -> None:
    assert list_schedule(FORK, SECONDS, 2) == 4.0
    assert list_schedule(chain(5), [1.0] * 5, 3) == 5.0
    assert list_schedule(flat(10), [1.0] * 10, 4) == 3.0


@pytest.mark.parametrize("chains", [1, 2, 5, 8])
def test_in_the_staircase_barriers_wait_for_every_long_job_in_turn(chains: int) -> None:
    graph, seconds = staircase(chains, 1.0, 0.125)
    shortest = 1.0 + 0.125 * (chains - 1)
    assert bound(graph, seconds, chains) == list_schedule(graph, seconds, chains) == shortest
    barred, order = with_barriers(graph)
    assert list_schedule(barred, [seconds[job] for job in order], chains) == chains
    assert list_schedule(graph, seconds, 1) == sum(seconds) == chains * shortest


@pytest.mark.parametrize("slots", [1, 3, 7])
def test_a_schedule_is_never_shorter_than_the_bound(slots: int) -> None:
    graph = layers(60, 5)
    seconds = [0.1 + job % 7 for job in range(60)]
    assert bound(graph, seconds, slots) <= list_schedule(graph, seconds, slots) + 1e-9
