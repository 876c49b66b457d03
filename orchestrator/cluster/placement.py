"""Which worker gets a job: pure, from what the workers offer and what runs on them.

Workers of one share have its CPUs and memory together: processes of one host those of the host, others each their own.
A job that declares more than its host has runs alone there, as it does at home; one that declares more than a worker
of a known size has never runs on it.

Jobs are placed in order. One that finds too few CPUs or too little memory *reserves* a worker that has as much, and
those behind it go elsewhere or wait: so jobs overtake each other only where none is held up, and each starts at the
latest when what ran on its worker has ended. A job for which there is no worker at all reserves nothing.

What a decision costs grows with the workers that have a free slot and with the jobs that start, not with the product of
these, and neither with all workers nor with all that runs: `ended` and `place` keep the counts.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

LOCAL = ""
"""The name, among those of workers, of the process that drives the run."""


class WorkerRoom(Struct, frozen=True):
    """A worker that has joined: how many attempts it runs at once, the CPUs and bytes of memory of its host, or with
    `is_sized` its own, its labels, and how it can confine jobs."""

    name: str
    host: str
    slots: int
    cpus: float
    memory: int
    labels: frozenset[str] = frozenset()
    is_sized: bool = False
    confines: frozenset[str] = frozenset()

    @property
    def share(self) -> tuple[str, str]:
        """What its CPUs and memory are shared with: equal for workers that have them together."""
        return (self.host, self.name if self.is_sized else LOCAL)


class Demand(Struct, frozen=True):
    """What a job asks for: CPUs, bytes of memory, labels of its worker; or with `is_local` to run at home. Its worker
    must confine it as `confined` says, and should as `prefers` says."""

    cpus: float = 0
    memory: int = 0
    requires: frozenset[str] = frozenset()
    is_local: bool = False
    confined: frozenset[str] = frozenset()
    prefers: frozenset[str] = frozenset()

    @property
    def counts(self) -> bool:
        """Whether it takes more than a slot."""
        return bool(self.cpus or self.memory)


class _Used:
    """What runs on a worker or on a share."""

    __slots__ = ("attempts", "cpus", "memory")

    def __init__(self) -> None:
        self.attempts = 0
        self.cpus = 0.0
        self.memory = 0

    def add(self, demand: Demand, number: int = 1) -> None:
        self.attempts += number
        self.cpus += demand.cpus * number
        self.memory += demand.memory * number


def has_what_is_required(demand: Demand, worker: WorkerRoom) -> bool:
    """Whether the worker has the labels, and can confine the job as it must."""
    return demand.requires <= worker.labels and demand.confined <= worker.confines


def could_run(demand: Demand, worker: WorkerRoom) -> bool:
    """Whether the worker could run the job if it ran nothing else."""
    if demand.is_local != (worker.name == LOCAL) or not has_what_is_required(demand, worker):
        return False
    return not worker.is_sized or (demand.cpus <= worker.cpus and demand.memory <= worker.memory)


def _strangeness(demand: Demand, worker: WorkerRoom) -> tuple[int, int]:
    """What the worker lacks of what the job prefers, and has that it does not ask for."""
    return len(demand.prefers - worker.confines), len(worker.labels - demand.requires)


class _Look:
    """One look at the jobs that wait. Meanwhile workers only get fuller, so the heaps of workers, one for each demand,
    stay valid but for entries whose worker has got worse: these are found at the top."""

    def __init__(self, open_: Mapping[str, WorkerRoom]) -> None:
        self.open = dict(open_)  # a free slot, and no job waits for them
        self.closed: set[tuple[str, str]] = set()  # shares for which one waits
        self.free: dict[Demand, list[tuple[tuple[int, int], int, int, WorkerRoom]]] = {}
        self.awaited: dict[Demand, list[tuple[int, int, WorkerRoom]]] = {}
        self._sharing: dict[tuple[str, str], list[str]] | None = None

    def close(self, share: tuple[str, str]) -> None:
        """A job waits for all workers of this share."""
        if self._sharing is None:
            self._sharing = {}
            for worker in self.open.values():
                self._sharing.setdefault(worker.share, []).append(worker.name)
        self.closed.add(share)
        for name in self._sharing.get(share, ()):
            self.open.pop(name, None)


class Placement:
    """The workers, and what runs on each. `demand_of(job)` is what a job asks for."""

    def __init__(self, demand_of: Callable[[int], Demand]) -> None:
        self._demand_of = demand_of
        self.workers: dict[str, WorkerRoom] = {}
        self._ran: dict[str, WorkerRoom] = {}  # also those that have left while something ran there
        self._at: dict[int, str] = {}
        self._on_worker: dict[str, _Used] = {}
        self._on_share: dict[tuple[str, str], _Used] = {}
        self._reserved: dict[int, str] = {}  # job that waits -> the worker that it waits for
        self._numbers = itertools.count()
        self._number: dict[str, int] = {}  # of workers, in the order in which they joined
        self._able: dict[Demand, tuple[WorkerRoom, ...]] = {}  # that could run it
        self.open: dict[str, WorkerRoom] = {}
        """Workers that have a free slot."""
        self.empty: dict[str, None] = {}
        """Names of workers that run nothing."""
        self.free_slots = 0
        """Of all workers."""
        self.homeless: list[int] = []
        """Jobs of the last `place` that no worker which is there could run."""
        self.looked = 0
        """At how many jobs the last `place` looked: then there was no room left, or no job."""
        self.has_room = False
        """Whether the last `place` left a worker with a free slot that no job waits for."""

    @property
    def under_way(self) -> int:
        """How many jobs run."""
        return len(self._at)

    def join(self, worker: WorkerRoom) -> None:
        """The worker takes jobs from now on."""
        number = self._number.get(worker.name)
        self.leave(worker.name)
        self._number[worker.name] = next(self._numbers) if number is None else number
        self.workers[worker.name] = self._ran[worker.name] = worker
        self.free_slots += self._free(worker)
        self._sort_in(worker)

    def leave(self, name: str) -> None:
        """The worker takes no more jobs. What runs there counts until it ends."""
        self._able.clear()
        if (worker := self.workers.pop(name, None)) is not None:
            self.free_slots -= self._free(worker)
            del self._number[name]
            self.open.pop(name, None)
            self.empty.pop(name, None)

    def worker_of(self, job: int) -> WorkerRoom | None:
        """Where the job runs, or was last placed."""
        return None if job not in self._at else self._ran[self._at[job]]

    def attempts_on(self, name: str) -> int:
        """How many jobs run on a worker."""
        return self._on_worker[name].attempts if name in self._on_worker else 0

    def ended(self, job: int) -> None:
        """The job runs no more."""
        worker, demand = self._ran[self._at.pop(job)], self._demand_of(job)
        self._on_worker[worker.name].add(demand, -1)
        share = self._on_share[worker.share]
        share.add(demand, -1)
        if not share.attempts:
            del self._on_share[worker.share]  # sums of fractions need not come to nothing again
        if not self._on_worker[worker.name].attempts:
            del self._on_worker[worker.name]
        if worker.name in self.workers:
            self.free_slots += 1
            self._sort_in(worker)
        elif worker.name not in self._on_worker:
            del self._ran[worker.name]

    def place(self, jobs: Sequence[int], at_most: int) -> list[int]:
        """Those that start now, `at_most` of them, each on the worker that `worker_of` tells, where these wait in this
        order."""
        self.homeless = []
        self.looked = 0
        reserved: dict[int, str] = {}
        look = _Look(self.open)
        started: list[int] = []
        for job in jobs:
            if not look.open or len(started) >= at_most:
                break
            self.looked += 1
            demand = self._demand_of(job)
            if (worker := self._best(demand, look)) is not None:
                self._start(job, demand, worker)
                if worker.name not in self.open:
                    del look.open[worker.name]
                started.append(job)
            elif not self._possible(demand):
                self.homeless.append(job)
            elif (awaited := self._awaited(job, demand, look)) is not None:
                reserved[job] = awaited.name
                look.close(awaited.share)
        self._reserved = reserved
        self.has_room = bool(look.open)
        return started

    def _free(self, worker: WorkerRoom) -> int:
        return worker.slots - self.attempts_on(worker.name)

    def _sort_in(self, worker: WorkerRoom) -> None:
        if self._free(worker) > 0:
            self.open[worker.name] = worker
        else:
            self.open.pop(worker.name, None)
        if worker.name in self._on_worker:
            self.empty.pop(worker.name, None)
        else:
            self.empty[worker.name] = None

    def _possible(self, demand: Demand) -> tuple[WorkerRoom, ...]:
        workers = self._able.get(demand)
        if workers is None:
            workers = tuple(worker for worker in self.workers.values() if could_run(demand, worker))
            self._able[demand] = workers
        return workers

    def _fits(self, demand: Demand, worker: WorkerRoom) -> bool:
        used = self._on_share.get(worker.share)
        if used is None:
            return True
        return (not demand.cpus or used.cpus + demand.cpus <= worker.cpus) and (
            not demand.memory or used.memory + demand.memory <= worker.memory
        )

    def _best(self, demand: Demand, look: _Look) -> WorkerRoom | None:
        """The one that confines the job best, then with the fewest labels that it does not ask for, then with the most
        free slots: what is rare is left to the jobs that need it."""
        heap = look.free.get(demand)
        if heap is None:
            heap = look.free[demand] = [
                (_strangeness(demand, worker), -self._free(worker), self._number[worker.name], worker)
                for worker in look.open.values()
                if could_run(demand, worker)
            ]
            heapq.heapify(heap)
        while heap:
            strange, taken, number, worker = heap[0]
            if worker.name not in look.open or not self._fits(demand, worker):
                heapq.heappop(heap)
            elif taken != -self._free(worker):
                heapq.heapreplace(heap, (strange, -self._free(worker), number, worker))
            else:
                return worker
        return None

    def _start(self, job: int, demand: Demand, worker: WorkerRoom) -> None:
        self._at[job] = worker.name
        self._on_worker.setdefault(worker.name, _Used()).add(demand)
        self._on_share.setdefault(worker.share, _Used()).add(demand)
        self.free_slots -= 1
        self._sort_in(worker)

    def _awaited(self, job: int, demand: Demand, look: _Look) -> WorkerRoom | None:
        """The worker that the job waits for: the same as before, else where least runs. None for a job that takes only
        a slot, which it gets when one is free, and where others wait already."""
        if not demand.counts:
            return None
        before = self.workers.get(self._reserved.get(job, ""))
        if before is not None and before.share not in look.closed and could_run(demand, before):
            return before
        heap = look.awaited.get(demand)
        if heap is None:
            heap = look.awaited[demand] = [
                (self._attempts_beside(worker), self._number[worker.name], worker) for worker in self._possible(demand)
            ]
            heapq.heapify(heap)
        while heap:
            attempts, number, worker = heap[0]
            if worker.share in look.closed:
                heapq.heappop(heap)
            elif attempts != self._attempts_beside(worker):
                heapq.heapreplace(heap, (self._attempts_beside(worker), number, worker))
            else:
                return worker
        return None

    def _attempts_beside(self, worker: WorkerRoom) -> int:
        """How many attempts must end until the worker's share is free."""
        used = self._on_share.get(worker.share)
        return used.attempts if used else 0
