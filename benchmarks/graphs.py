"""Shapes of graphs. A graph is a list: job number -> numbers of the jobs that it needs, all smaller."""

from __future__ import annotations

import random
from collections.abc import Callable

Graph = list[list[int]]


def flat(jobs: int) -> Graph:
    """Jobs that need nothing."""
    return [[] for _ in range(jobs)]


def chain(jobs: int) -> Graph:
    """Each job needs the one before."""
    return [[job - 1] if job else [] for job in range(jobs)]


def layers(jobs: int, width: int = 20) -> Graph:
    """Layers of equal width; each job needs two or three of the layer before."""
    graph: Graph = []
    for job in range(jobs):
        layer, place = divmod(job, width)
        start, steps = (layer - 1) * width, (0, 1, 7)[: 2 + job % 2]
        graph.append(sorted({start + (place + step) % width for step in steps}) if layer else [])
    return graph


def diamonds(jobs: int, width: int = 8) -> Graph:
    """One job, then 8 in parallel, then one that needs all of them, and so on."""
    graph: Graph = []
    last = -1
    while len(graph) < jobs:
        graph.append([] if last < 0 else [last])
        top = len(graph) - 1
        middle = list(range(len(graph), min(len(graph) + width, jobs)))
        graph.extend([top] for _ in middle)
        if len(graph) < jobs:
            graph.append(middle)
        last = len(graph) - 1
    return graph


def scattered(jobs: int, seed: int = 1) -> Graph:
    """Each job needs up to three of the forty before it, drawn at random."""
    draw = random.Random(seed)
    return [sorted(draw.sample(range(max(0, job - 40), job), min(job, draw.randrange(4)))) for job in range(jobs)]


def side_by_side(chains: int, length: int) -> Graph:
    """Chains that have nothing to do with each other. Job `n` is number `n // chains` of chain `n % chains`."""
    return [[job - chains] if job >= chains else [] for job in range(chains * length)]


def with_barriers(graph: Graph) -> tuple[Graph, list[int]]:
    """The graph in which each job needs all jobs of the level before, as if all of a level had to end before the next
    one starts; and, since needs come first, which job of `graph` each of its jobs is."""
    levels: list[int] = []
    for needs in graph:
        levels.append(1 + max((levels[need] for need in needs), default=-1))
    order = sorted(range(len(graph)), key=lambda job: (levels[job], job))
    places: dict[int, list[int]] = {}
    for place, job in enumerate(order):
        places.setdefault(levels[job], []).append(place)
    return [list(places.get(levels[job] - 1, [])) for job in order], order


SHAPES: dict[str, Callable[[int], Graph]] = {"flat": flat, "chain": chain, "layers": layers, "diamonds": diamonds}
