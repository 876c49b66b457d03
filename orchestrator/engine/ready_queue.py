"""The queue of jobs that may start: by priority, and fair to jobs that take from the same pools."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterator, Sequence

from orchestrator.engine.pools import Pools
from orchestrator.engine.states import JobState
from orchestrator.plan.model import Order, Plan, PlannedJob

_STEP = 1 << 14  # more than a matrix has cells


class Bucket:
    """The queued jobs that take from the same set of pools: a heap of positions."""

    __slots__ = ("heap", "pools")

    def __init__(self, pools: tuple[str, ...]) -> None:
        self.pools = pools
        self.heap: list[int] = []


class ReadyQueue:
    """The jobs that may start, in one bucket for each set of pools.

    The position of a job is its place among all jobs by priority, then rank (if the plan's order says so), then index;
    cells come in the place of their placeholder, between two multiples of `_STEP`.
    No job overtakes an earlier one that shares a pool with it, so that small demands do not starve a large one; jobs
    that share no pool do. An entry whose job may not start (any more) is dropped when it reaches the top of its heap.
    """

    __slots__ = ("_bucket_of", "_buckets", "_by_position", "_cells", "_no_pools", "_position", "_queued")

    def __init__(self, plan: Plan) -> None:
        # Two stable sorts by one number each: a key of three builds 100,000 tuples and takes three times as long.
        order = list(plan.jobs)
        if plan.policy.order is Order.CRITICAL_PATH:
            order.sort(key=lambda job: -job.rank)
        order.sort(key=lambda job: -job.priority)
        self._by_position = array("i", [job.index for job in order])
        self._position = array("q", bytes(8 * len(order)))
        for position, index in enumerate(self._by_position):
            self._position[index] = position * _STEP
        self._cells: dict[int, int] = {}  # by position
        self._queued = bytearray(len(order))
        self._no_pools = Bucket(())
        self._buckets: dict[tuple[str, ...], Bucket] = {(): self._no_pools}
        self._bucket_of: dict[int, Bucket] = {}  # only of jobs that take from a pool
        for job in plan.jobs:
            if job.pools:
                names = tuple(sorted(pool for pool, _ in job.pools))
                self._bucket_of[job.index] = self._buckets.setdefault(names, Bucket(names))

    def grow(self, placeholder: int, first: int, count: int) -> None:
        """Cells from the job `first` on may be queued in the place of a placeholder."""
        position, bucket = self._position[placeholder], self._bucket_of.get(placeholder)
        for number in range(count):
            self._cells[position + 1 + number] = first + number
            self._position.append(position + 1 + number)
            if bucket is not None:
                self._bucket_of[first + number] = bucket
        self._queued.extend(bytes(count))

    def _job_at(self, position: int) -> int:
        place, cell = divmod(position, _STEP)
        return self._cells[position] if cell else self._by_position[place]

    def add(self, job: int) -> None:
        """Queue a job, unless it is queued already."""
        if not self._queued[job]:
            self._queued[job] = 1
            heapq.heappush(self._bucket_of.get(job, self._no_pools).heap, self._position[job])

    def clear(self) -> None:
        """Empty the queue."""
        for bucket in self._buckets.values():
            bucket.heap.clear()
        self._queued = bytearray(len(self._queued))

    def __iter__(self) -> Iterator[int]:
        """All entries in no order, including those that may not start any more and were not dropped yet."""
        for bucket in self._buckets.values():
            for position in bucket.heap:
                yield self._job_at(position)

    def choose(
        self,
        slots: int,
        pools: Pools,
        jobs: Sequence[PlannedJob],
        states: Sequence[JobState],
        is_due: Callable[[int], bool],
    ) -> list[int]:
        """The jobs to start now, best first, at most `slots`. They stay in the queue until they start.

        `is_due` says whether a job that waits for its next attempt may start.
        """
        heads = [head for bucket in self._buckets.values() if (head := self._head(bucket, states, is_due))]
        heapq.heapify(heads)
        room = dict(pools.room)
        blocked: set[str] = set()  # pools that an earlier job waits for
        chosen: list[int] = []
        while heads and len(chosen) < slots:
            position, names = heads[0]
            bucket = self._buckets[names]
            job = jobs[self._job_at(position)]
            if not blocked.isdisjoint(names) or (job.pools and any(amount > room[pool] for pool, amount in job.pools)):
                blocked.update(names)
                heapq.heappop(heads)
                continue
            for pool, amount in job.pools:
                room[pool] -= amount
            chosen.append(job.index)
            heapq.heappop(bucket.heap)
            if following := self._head(bucket, states, is_due):
                heapq.heapreplace(heads, following)
            else:
                heapq.heappop(heads)
        for index in chosen:
            heapq.heappush(self._bucket_of.get(index, self._no_pools).heap, self._position[index])
        return chosen

    def _head(
        self, bucket: Bucket, states: Sequence[JobState], is_due: Callable[[int], bool]
    ) -> tuple[int, tuple[str, ...]] | None:
        heap = bucket.heap
        while heap:
            job = self._job_at(heap[0])
            state = states[job]
            if state is JobState.READY or (state is JobState.WAITING and is_due(job)):
                return heap[0], bucket.pools
            heapq.heappop(heap)
            self._queued[job] = 0
        return None
