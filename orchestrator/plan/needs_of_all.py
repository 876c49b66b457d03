"""`needs: "*"`: what a handler of the whole run needs, once the jobs of the run are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from orchestrator.plan.graph import EdgeRows


def with_needs_of_all(
    needs: EdgeRows, after: EdgeRows, handlers: Sequence[Sequence[int]], kept: Collection[int]
) -> list[tuple[int, ...]]:
    """The needs of all jobs, with those of handlers filled in.

    A handler is the jobs of one workflow with `needs: "*"`. It needs every kept job that is not a handler's and that
    does not wait for this handler, at any distance. There never is a cycle: an edge leads from a handler only to jobs
    that cannot reach it, and handlers are filled in one after the other, each with the edges of those before it.
    """
    filled = list(needs)
    waiting: list[list[int]] = [[] for _ in needs]  # the jobs that wait for this one
    for job, row in enumerate(needs):
        for need in row:
            waiting[need].append(job)
        if job in kept:
            for other in after[job]:
                if other in kept:
                    waiting[other].append(job)
    ordinary = sorted(set(kept).difference(*handlers))
    for jobs in handlers:
        behind = _reachable(jobs, waiting)
        row = tuple(job for job in ordinary if job not in behind)
        for need in row:
            waiting[need].extend(jobs)
        for job in jobs:
            filled[job] = row
    return filled


def _reachable(start: Iterable[int], edges: Sequence[Sequence[int]]) -> set[int]:
    found = set(start)
    to_visit = list(found)
    while to_visit:
        following = set(edges[to_visit.pop()]) - found
        found |= following
        to_visit.extend(following)
    return found
