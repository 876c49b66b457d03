"""The shortest possible run: a lower bound, and simulated list scheduling."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from benchmarks.graphs import Graph


def ranks(graph: Graph, seconds: Sequence[float]) -> list[float]:
    """For each job, the length of the longest chain from its start to the end of everything."""
    found = list(seconds)
    behind = [0.0] * len(graph)
    for job in range(len(graph) - 1, -1, -1):
        found[job] += behind[job]
        for need in graph[job]:
            behind[need] = max(behind[need], found[job])
    return found


def bound(graph: Graph, seconds: Sequence[float], slots: int) -> float:
    """The lower bound of any schedule: the critical path, or all work divided by the slots."""
    return max(max(ranks(graph, seconds)), sum(seconds) / slots)


def list_schedule(graph: Graph, seconds: Sequence[float], slots: int) -> float:
    """The end of a run in which a free slot always takes the ready job with the longest chain behind it."""
    order = ranks(graph, seconds)
    left = [len(needs) for needs in graph]
    waiting: list[list[int]] = [[] for _ in graph]
    for job, needs in enumerate(graph):
        for need in needs:
            waiting[need].append(job)
    ready = [(-order[job], job) for job, needs in enumerate(graph) if not needs]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < slots:
            _, job = heapq.heappop(ready)
            heapq.heappush(running, (now + seconds[job], job))
        now, ended = heapq.heappop(running)
        for job in waiting[ended]:
            left[job] -= 1
            if not left[job]:
                heapq.heappush(ready, (-order[job], job))
    return now
