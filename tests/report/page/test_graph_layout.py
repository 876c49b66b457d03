"""Places of nodes in a layered drawing: no two overlap, the order of few crossings is found, and it is always the
same."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from support.dags import Waits, dags

from orchestrator.plan.graph import levels
from orchestrator.report.page.graph_layout import crossings, layout


def layers_and_edges(waits: Waits) -> tuple[list[int], list[tuple[int, int]]]:
    layer_of = [0] * len(waits)
    for number, level in enumerate(levels(waits)):
        for node in level:
            layer_of[node] = number
    return layer_of, [(other, node) for node, others in enumerate(waits) for other in others]


@given(dags())
@settings(max_examples=60)
def test_nodes_of_a_layer_do_not_overlap_and_each_edge_bends_in_each_layer_between(waits: Waits) -> None:
    layer_of, edges = layers_and_edges(waits)
    found = layout(layer_of, edges)
    assert found == layout(layer_of, edges)
    assert len(found.rows) == len(waits)
    assert all(row >= 0.5 for row in found.rows)
    for one, other in itertools.combinations(range(len(waits)), 2):
        if layer_of[one] == layer_of[other]:
            assert abs(found.rows[one] - found.rows[other]) > 0.99
    for (source, target), bends in zip(edges, found.bends, strict=True):
        assert len(bends) == layer_of[target] - layer_of[source] - 1


def test_a_chain_is_a_straight_line() -> None:
    found = layout([0, 1, 2, 3], [(0, 1), (1, 2), (2, 3)])
    assert found.rows == [0.5] * 4


def test_edges_that_need_not_cross_do_not() -> None:
    found = layout([0, 0, 0, 1, 1, 1], [(0, 5), (1, 4), (2, 3)])
    assert [found.rows[node] for node in (5, 4, 3)] == [found.rows[node] for node in (0, 1, 2)]


def test_crossings_are_counted() -> None:
    assert crossings([[0, 1], [2, 3]], [[2, 3], [2, 3], [], []]) == 1
    assert crossings([[0, 1], [2, 3]], [[3], [2], [], []]) == 1
    assert crossings([[0, 1], [2, 3]], [[2], [3], [], []]) == 0


@given(st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=20)
def test_a_complete_graph_of_two_layers_has_the_crossings_that_it_must_have(left: int, right: int) -> None:
    after = [[left + target for target in range(right)] for _ in range(left)] + [[] for _ in range(right)]
    layers = [list(range(left)), list(range(left, left + right))]
    assert crossings(layers, after) == left * (left - 1) // 2 * (right * (right - 1) // 2)
