"""Why a graph has no order: for each knot of jobs that wait for each other, its shortest cycle.

Every cycle of a knot holds an edge that leads back to a job which a depth-first search is still busy with. So one
breadth-first search from each such job finds the shortest cycle: O(jobs + edges) for the search for knots, and for
each knot O(its edges) times the number of jobs that are led back to, which is one for a single mistake. A search
budget keeps knots with many thousands of mistakes linear too; there a cycle that is told may not be the shortest.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from orchestrator.plan.graph import Graph

# Edges that the breadth-first searches of one knot may look at, beyond 4 for each edge of the knot: about a second.
SEARCH_BUDGET = 5_000_000


class Component(Struct, frozen=True):
    """Jobs that all wait for each other, ascending; one shortest cycle, each job waiting for the next and the last
    for the first, which is the one declared first; and whether there are more cycles in the knot than this one."""

    jobs: tuple[int, ...]
    cycle: tuple[int, ...]
    has_more: bool


def find_knots(waits: Graph) -> tuple[Component, ...]:
    """All knots, by their cycles' first jobs. A job that waits for itself is a cycle of one. Empty for a DAG."""
    search = _Search(waits)
    component_of = [0] * len(waits)
    for number, component in enumerate(search.components):
        for job in component:
            component_of[job] = number
    knots = []
    for component in search.components:
        starts = [job for job in component if search.led_back_to[job]]
        if starts:
            knots.append(_knot(waits, component, component_of, starts))
    return tuple(sorted(knots, key=lambda knot: knot.cycle))


class _Search:
    """One depth-first search by Tarjan's algorithm, without recursion: `components` are the strongly connected ones,
    each ascending; `led_back_to[job]` tells whether an edge leads back to the job from below it."""

    def __init__(self, waits: Graph) -> None:
        self.components: list[list[int]] = []
        self.led_back_to = bytearray(len(waits))
        self._waits = waits
        self._order = [0] * len(waits)  # when a job was reached, from 1; 0 is not yet
        self._low = [0] * len(waits)  # the earliest job of its component that it is known to reach
        self._on_trail = bytearray(len(waits))
        self._is_open = bytearray(len(waits))  # reached, and its component is not complete
        self._open: list[int] = []
        self._trail: list[tuple[int, Iterator[int]]] = []
        self._reached = 0
        for root in range(len(waits)):
            if not self._order[root]:
                self._enter(root)
            while self._trail:
                self._step(*self._trail[-1])

    def _enter(self, job: int) -> None:
        self._reached += 1
        self._order[job] = self._low[job] = self._reached
        self._on_trail[job] = self._is_open[job] = 1
        self._open.append(job)
        self._trail.append((job, iter(self._waits[job])))

    def _step(self, job: int, rest: Iterator[int]) -> None:
        for need in rest:
            if not self._order[need]:
                self._enter(need)
                return
            if self._is_open[need]:
                self._low[job] = min(self._low[job], self._order[need])
                self.led_back_to[need] |= self._on_trail[need]
        self._leave(job)

    def _leave(self, job: int) -> None:
        self._trail.pop()
        self._on_trail[job] = 0
        if self._trail:
            parent = self._trail[-1][0]
            self._low[parent] = min(self._low[parent], self._low[job])
        if self._low[job] == self._order[job]:
            self._complete(job)

    def _complete(self, root: int) -> None:
        at = len(self._open) - 1
        while self._open[at] != root:
            at -= 1
        component = sorted(self._open[at:])
        del self._open[at:]
        for job in component:
            self._is_open[job] = 0
        self.components.append(component)


def _knot(waits: Graph, component: list[int], component_of: list[int], starts: list[int]) -> Component:
    inside = component_of[component[0]]
    edges = sum(len({need for need in waits[job] if component_of[need] == inside}) for job in component)
    budget = SEARCH_BUDGET + 4 * edges
    best: tuple[int, ...] = ()
    for start in starts:
        cycle, cost = _shortest_through(waits, start, component_of, len(best))
        best = cycle or best
        budget -= cost
        if budget < 0 or len(best) == 1:
            break
    first = best.index(min(best))
    return Component(tuple(component), best[first:] + best[:first], has_more=edges > len(best))


def _shortest_through(waits: Graph, start: int, component_of: list[int], bound: int) -> tuple[tuple[int, ...], int]:
    """The shortest cycle through `start` that is shorter than `bound` (0 is no bound), or none; and the edges seen."""
    came_from = {start: start}
    frontier = [start]
    cost = 0
    length = 0
    while frontier:
        length += 1
        if length == bound:
            break
        following = []
        for job in frontier:
            cost += len(waits[job])
            for need in waits[job]:
                if need == start:
                    return _trace(came_from, job), cost
                if need not in came_from and component_of[need] == component_of[start]:
                    came_from[need] = job
                    following.append(need)
        frontier = following
    return (), cost


def _trace(came_from: dict[int, int], job: int) -> tuple[int, ...]:
    path = [job]
    while came_from[job] != job:
        job = came_from[job]
        path.append(job)
    return tuple(reversed(path))
