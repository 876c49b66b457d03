"""Jobs as numbers and what each waits for: levels, the critical path, and ranks. The only user of graphlib.

A graph is a sequence: `waits[job]` holds the jobs that `job` waits for. All costs are linear in jobs plus edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec import Struct

__all__ = ["Adjacency", "CycleError", "EdgeRows", "Levels", "Urgency", "levels", "urgency"]

Adjacency = Sequence[Sequence[int]]
EdgeRows = Sequence[tuple[int, ...]]
Levels = tuple[tuple[int, ...], ...]


class Urgency(Struct, frozen=True):
    """`ranks[job]` is the weight of the heaviest chain that starts with the job; `path` is the heaviest of them all."""

    ranks: tuple[float, ...]
    path: tuple[int, ...]


def levels(waits: Adjacency) -> Levels:
    """The jobs by the length of the longest chain that they wait for, ascending. `CycleError` if there is a cycle."""
    sorter = TopologicalSorter(dict(enumerate(waits)))
    sorter.prepare()  # the proof that there is no cycle
    found: list[tuple[int, ...]] = []
    while ready := sorter.get_ready():
        found.append(tuple(sorted(ready)))
        sorter.done(*ready)
    return tuple(found)


def urgency(waits: Adjacency, levels: Levels, weights: Sequence[float] | None = None) -> Urgency:
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
