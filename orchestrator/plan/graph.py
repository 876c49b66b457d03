"""Jobs as numbers and what each waits for: levels, the critical path, and what is urgent. The door to graphlib.

A graph is a sequence: `waits[job]` holds the jobs that `job` waits for. All costs are linear in jobs plus edges.
"""

from __future__ import annotations

import graphlib
from collections.abc import Sequence

from msgspec import Struct

Graph = Sequence[Sequence[int]]
Rows = Sequence[tuple[int, ...]]
Levels = tuple[tuple[int, ...], ...]


CycleError = graphlib.CycleError


class Urgency(Struct, frozen=True):
    """`ranks[job]` is the weight of the heaviest chain from the job's start on; `path` is the heaviest of them all."""

    ranks: tuple[float, ...]
    path: tuple[int, ...]


def levels(waits: Graph) -> Levels:
    """The jobs by the length of the longest chain below them, ascending. `CycleError` if some never start."""
    # graphlib takes five times as long for the same levels, with an object and a dictionary for each job. It is asked
    # about a graph that has none, and by the tests about all the others.
    awaited = [len(row) for row in waits]
    followers: list[list[int]] = [[] for _ in waits]
    for job, row in enumerate(waits):
        for need in row:
            followers[need].append(job)
    found: list[tuple[int, ...]] = []
    level = [job for job, count in enumerate(awaited) if not count]
    while level:
        found.append(tuple(level))
        above = []
        for job in level:
            for follower in followers[job]:
                awaited[follower] -= 1
                if not awaited[follower]:
                    above.append(follower)
        level = sorted(above)
    if sum(map(len, found)) < len(waits):
        graphlib.TopologicalSorter(dict(enumerate(waits))).prepare()
    return tuple(found)


def urgency(waits: Graph, levels: Levels, weights: Sequence[float] | None = None) -> Urgency:
    """Ranks and critical path for these weights (seconds, or any unit; 1 for each job without them).

    Among equals the job that is declared first wins, so the same plan always has the same path.
    """
    ranks = [1.0] * len(waits) if weights is None else [float(weight) for weight in weights]
    behind = [0.0] * len(waits)  # the heaviest chain among the jobs that wait for this one, and its first job
    follower = [-1] * len(waits)
    for level in reversed(levels):
        for job in level:
            rank = ranks[job] = ranks[job] + behind[job]
            for need in waits[job]:
                if rank > behind[need] or (rank == behind[need] and job < follower[need]):
                    behind[need] = rank
                    follower[need] = job
    path = _path(ranks, follower)
    return Urgency(tuple(ranks) if weights is None else tuple(round(rank, 4) for rank in ranks), path)


def _path(ranks: list[float], follower: list[int]) -> tuple[int, ...]:
    if not ranks:
        return ()
    path = [max(range(len(ranks)), key=ranks.__getitem__)]
    while (following := follower[path[-1]]) >= 0:
        path.append(following)
    return tuple(path)
