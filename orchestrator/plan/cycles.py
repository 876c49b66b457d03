"""The shortest cycle of each strongly connected component, to show why a graph has no order.

graphlib proves that there is a cycle; this search, which runs only then, picks the ones worth showing. Every cycle of
a component contains a back edge: one to a job on the trail of the depth-first search. So one breadth-first search from
the target of each back edge finds the shortest cycle: O(jobs + edges) for the components, and for each component
O(its edges) times the number of such targets, which is one for a single mistake. A budget keeps components with
thousands of mistakes linear too; there the cycle that is shown may not be the shortest.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from orchestrator.plan.graph import Adjacency

# Edges that the breadth-first searches of one component may follow, beyond 4 for each of its edges: about a second.
SEARCH_BUDGET = 5_000_000


class CyclicComponent(Struct, frozen=True):
    """A strongly connected component: `jobs` that all wait for each other, ascending. `cycle` is a shortest one in it:
    each job waits for the next, the last for the first, and the first is the one declared first. `has_more` if the
    component has more cycles than this one."""

    jobs: tuple[int, ...]
    cycle: tuple[int, ...]
    has_more: bool


def cyclic_components(waits: Adjacency) -> tuple[CyclicComponent, ...]:
    """All components with a cycle, ordered by the first jobs of their cycles; none for an acyclic graph. A job that
    waits for itself is a cycle of one."""
    search = _Search(waits)
    component_of = [0] * len(waits)
    for number, component in enumerate(search.components):
        for job in component:
            component_of[job] = number
    found = []
    for component in search.components:
        starts = [job for job in component if search.has_back_edge[job]]
        if starts:
            found.append(_with_shortest_cycle(waits, component, component_of, starts))
    return tuple(sorted(found, key=lambda component: component.cycle))


class _Search:
    """One depth-first search by Tarjan's algorithm, without recursion. `components` are the strongly connected ones,
    each ascending; `has_back_edge[job]` is whether a back edge leads to the job."""

    def __init__(self, waits: Adjacency) -> None:
        self.components: list[list[int]] = []
        self.has_back_edge = bytearray(len(waits))
        self._waits = waits
        self._order = [0] * len(waits)  # when a job was reached, from 1; 0: not yet
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
                self.has_back_edge[need] |= self._on_trail[need]
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


def _with_shortest_cycle(
    waits: Adjacency, component: list[int], component_of: list[int], starts: list[int]
) -> CyclicComponent:
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
    return CyclicComponent(tuple(component), best[first:] + best[:first], has_more=edges > len(best))


def _shortest_through(waits: Adjacency, start: int, component_of: list[int], bound: int) -> tuple[tuple[int, ...], int]:
    """The shortest cycle through `start` that is shorter than `bound` (0: unbounded), empty if there is none; and the
    number of edges that were followed."""
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
