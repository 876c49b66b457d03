"""Named resources that jobs take from, and the line of the jobs that may start."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterator

from orchestrator.plan.model import Order, Plan, PlannedJob


class Pools:
    """The room left in each pool. A replayed run may have less than none: what happened is not judged again."""

    __slots__ = ("room",)

    def __init__(self, plan: Plan) -> None:
        self.room: dict[str, int] = dict(plan.policy.pools)
        for job in plan.jobs:
            for pool, amount in job.pools:
                if amount > self.room.get(pool, 0):
                    raise ValueError(f"job `{job.id}` could never start: it takes {amount} of pool `{pool}`")

    def take(self, job: PlannedJob) -> None:
        """An attempt of this job holds its share from now on."""
        for pool, amount in job.pools:
            self.room[pool] -= amount

    def give(self, job: PlannedJob) -> None:
        """The attempt ended."""
        for pool, amount in job.pools:
            self.room[pool] += amount


class Bucket:
    """The jobs that take from the same set of pools: a heap of positions in the plan's order of preference."""

    __slots__ = ("heap", "pools")

    def __init__(self, pools: tuple[str, ...]) -> None:
        self.pools = pools
        self.heap: list[int] = []


class ReadyQueue:
    """The line of jobs that may start, one lane for each set of pools.

    A job's position is its place among all jobs by priority, then rank (if the plan's order asks for it), then
    index. No job overtakes one before it that shares a pool with it, so a large demand is not starved by small ones;
    jobs that share none pass. Entries of jobs that may not start (any more) are dropped when they come to the head.
    """

    __slots__ = ("_by_pools", "_by_position", "_in_line", "_lane_of", "_open", "_position")

    def __init__(self, plan: Plan) -> None:
        # Two stable sorts by a number each: a key of three makes 100,000 tuples and takes three times as long.
        order = list(plan.jobs)
        if plan.policy.order is Order.CRITICAL_PATH:
            order.sort(key=lambda job: -job.rank)
        order.sort(key=lambda job: -job.priority)
        self._by_position = array("i", [job.index for job in order])
        self._position = array("i", bytes(4 * len(order)))
        for position, index in enumerate(self._by_position):
            self._position[index] = position
        self._in_line = bytearray(len(order))
        self._open = Bucket(())
        self._by_pools: dict[tuple[str, ...], Bucket] = {(): self._open}
        self._lane_of: dict[int, Bucket] = {}  # of the jobs that need a pool at all
        for job in plan.jobs:
            if job.pools:
                names = tuple(sorted(pool for pool, _ in job.pools))
                self._lane_of[job.index] = self._by_pools.setdefault(names, Bucket(names))

    def add(self, job: int) -> None:
        """Put a job in line, unless it stands there already."""
        if not self._in_line[job]:
            self._in_line[job] = 1
            heapq.heappush(self._lane_of.get(job, self._open).heap, self._position[job])

    def clear(self) -> None:
        """Send everybody home."""
        for lane in self._by_pools.values():
            lane.heap.clear()
        self._in_line = bytearray(len(self._in_line))

    def __iter__(self) -> Iterator[int]:
        """Everybody in line, in no order, with those who may not start any more and were not dropped yet."""
        for lane in self._by_pools.values():
            for position in lane.heap:
                yield self._by_position[position]

    def choose(
        self, slots: int, pools: Pools, jobs: tuple[PlannedJob, ...], may_start: Callable[[int], bool]
    ) -> list[int]:
        """The jobs that would start now in so many free slots, best first. They stay in line."""
        heads = [head for lane in self._by_pools.values() if (head := self._head(lane, may_start))]
        heapq.heapify(heads)
        room = dict(pools.room)
        closed: set[str] = set()
        chosen: list[int] = []
        while heads and len(chosen) < slots:
            position, names = heads[0]
            lane = self._by_pools[names]
            job = jobs[self._by_position[position]]
            if not closed.isdisjoint(names) or any(amount > room[pool] for pool, amount in job.pools):
                closed.update(names)
                heapq.heappop(heads)
                continue
            for pool, amount in job.pools:
                room[pool] -= amount
            chosen.append(job.index)
            heapq.heappop(lane.heap)
            if follower := self._head(lane, may_start):
                heapq.heapreplace(heads, follower)
            else:
                heapq.heappop(heads)
        for index in chosen:
            heapq.heappush(self._lane_of.get(index, self._open).heap, self._position[index])
        return chosen

    def _head(self, lane: Bucket, may_start: Callable[[int], bool]) -> tuple[int, tuple[str, ...]] | None:
        heap = lane.heap
        while heap:
            job = self._by_position[heap[0]]
            if may_start(job):
                return heap[0], lane.pools
            heapq.heappop(heap)
            self._in_line[job] = 0
        return None
