"""Where the nodes of a layered drawing go: layers from left to right, few crossings, straight edges where possible.

The usual three steps (Sugiyama): an edge that spans several layers gets a bend in each of those between; sweeps to and
fro order each layer by the mean position of its neighbours (barycentre), and the order with the fewest crossings is
kept; then each layer is moved as close to its neighbours as its order allows, by isotonic regression.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

from msgspec import Struct

_SWEEPS = 8
_ALIGNMENTS = 8
_BEND = 0.5  # rows that a bend takes, where a node takes one


class Layout(Struct, frozen=True):
    """`rows[node]` is the vertical place of each node, in rows from 0; `bends[edge]` the places in which that edge
    crosses the layers between its ends, from left to right."""

    rows: Sequence[float]
    bends: Sequence[tuple[float, ...]]


def layout(layer_of: Sequence[int], edges: Sequence[tuple[int, int]]) -> Layout:
    """Places for nodes in these layers; each edge leads to a later layer."""
    layers: list[list[int]] = [[] for _ in range(1 + max(layer_of, default=-1))]
    for node, layer in enumerate(layer_of):
        layers[layer].append(node)
    total = len(layer_of)
    before: list[list[int]] = [[] for _ in layer_of]
    after: list[list[int]] = [[] for _ in layer_of]
    bends_of: list[list[int]] = []
    for source, target in edges:
        bends: list[int] = []
        last = source
        for layer in range(layer_of[source] + 1, layer_of[target]):
            layers[layer].append(total)
            before.append([last])
            after.append([])
            after[last].append(total)
            bends.append(total)
            last, total = total, total + 1
        after[last].append(target)
        before[target].append(last)
        bends_of.append(bends)
    layers = _ordered(layers, before, after)
    sizes = [1.0] * len(layer_of) + [_BEND] * (total - len(layer_of))
    rows = _aligned(layers, before, after, sizes)
    return Layout(rows[: len(layer_of)], [tuple(rows[bend] for bend in bends) for bends in bends_of])


def _ordered(layers: list[list[int]], before: list[list[int]], after: list[list[int]]) -> list[list[int]]:
    """The layers in the order with the fewest crossings that the sweeps find."""
    place = [0.0] * len(before)
    for layer in layers:
        _number(layer, place)
    best, fewest = [list(layer) for layer in layers], crossings(layers, after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for layer in layers if forward else reversed(layers):
            middle = {node: _mean(neighbours[node], place, place[node]) for node in layer}
            layer.sort(key=middle.__getitem__)
            _number(layer, place)
        found = crossings(layers, after)
        if found < fewest:
            best, fewest = [list(layer) for layer in layers], found
    return best


def crossings(layers: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> int:
    """How many pairs of edges between neighbouring layers cross."""
    place = {node: number for layer in layers for number, node in enumerate(layer)}
    found = 0
    for layer in layers:
        ends: list[int] = []
        for node in layer:
            targets = sorted(place[target] for target in after[node])
            found += sum(len(ends) - bisect_right(ends, target) for target in targets)
            for target in targets:
                insort(ends, target)
    return found


def _aligned(
    layers: Sequence[Sequence[int]], before: list[list[int]], after: list[list[int]], sizes: Sequence[float]
) -> list[float]:
    """Rows for the nodes of each layer, in its order and without overlaps, near to their neighbours."""
    rows = [0.0] * len(before)
    for layer in layers:
        top = 0.0
        for node in layer:
            rows[node] = top + sizes[node] / 2
            top += sizes[node]
    for number in range(_ALIGNMENTS):
        forward = number % 2 == 0
        neighbours = before if forward else after
        for layer in layers if forward else reversed(layers):
            _place(layer, [_mean(neighbours[node], rows, rows[node]) for node in layer], sizes, rows)
    highest = min((rows[node] - sizes[node] / 2 for node in range(len(rows))), default=0.0)
    return [round(row - highest, 3) for row in rows]


def _place(layer: Sequence[int], wanted: Sequence[float], sizes: Sequence[float], rows: list[float]) -> None:
    """Give each node the row that it wants, or with the least sum of squared distances one without overlaps: isotonic
    regression by pooling adjacent violators."""
    offsets: list[float] = []
    top = 0.0
    for node in layer:
        offsets.append(top + sizes[node] / 2)
        top += sizes[node]
    blocks: list[tuple[float, int]] = []  # sum and number of nodes that move together
    for want, offset in zip(wanted, offsets, strict=True):
        total, number = want - offset, 1
        while blocks and blocks[-1][0] * number >= total * blocks[-1][1]:
            before_total, before_number = blocks.pop()
            total, number = total + before_total, number + before_number
        blocks.append((total, number))
    position = 0
    for total, number in blocks:
        for _ in range(number):
            rows[layer[position]] = total / number + offsets[position]
            position += 1


def _number(layer: Sequence[int], place: list[float]) -> None:
    for number, node in enumerate(layer):
        place[node] = (number + 0.5) / len(layer)


def _mean(nodes: Sequence[int], values: Sequence[float], default: float) -> float:
    return sum(values[node] for node in nodes) / len(nodes) if nodes else default
