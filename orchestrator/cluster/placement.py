"""Which worker gets a job: pure, from what the workers offer and what runs on them.

Workers of one share have its CPUs and memory together: processes of one host those of the host, others each their own.
A job that declares more than its host has runs alone there, as it does at home; one that declares more than a worker
of a known size has never runs on it.

Jobs are placed in order. One that finds too few CPUs or too little memory *reserves* a worker that has as much, and
those behind it go elsewhere or wait: so jobs overtake each other only where none is held up, and each starts at the
latest when what ran on its worker has ended. A job for which there is no worker at all reserves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

LOCAL = ""
"""The name, among those of workers, of the process that drives the run."""


class WorkerRoom(Struct, frozen=True):
    """A worker that has joined: how many attempts it runs at once, the CPUs and bytes of memory of its host, or with
    `is_sized` its own, and its labels."""

    name: str
    host: str
    slots: int
    cpus: float
    memory: int
    labels: frozenset[str] = frozenset()
    is_sized: bool = False

    @property
    def share(self) -> tuple[str, str]:
        """What its CPUs and memory are shared with: equal for workers that have them together."""
        return (self.host, self.name if self.is_sized else LOCAL)


class Demand(Struct, frozen=True):
    """What a job asks for: CPUs, bytes of memory, labels of its worker; or with `is_local` to run at home."""

    cpus: float = 0
    memory: int = 0
    requires: frozenset[str] = frozenset()
    is_local: bool = False

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


def could_run(demand: Demand, worker: WorkerRoom) -> bool:
    """Whether the worker could run the job if it ran nothing else."""
    if demand.is_local != (worker.name == LOCAL) or not demand.requires <= worker.labels:
        return False
    return not worker.is_sized or (demand.cpus <= worker.cpus and demand.memory <= worker.memory)


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
        self.homeless: list[int] = []
        """Jobs of the last `place` that no worker which is there could run."""
        self.has_room = False
        """Whether the last `place` left a worker with a free slot that nobody waits for."""

    def join(self, worker: WorkerRoom) -> None:
        """The worker takes jobs from now on."""
        self.workers[worker.name] = self._ran[worker.name] = worker

    def leave(self, name: str) -> None:
        """The worker takes no more jobs. What runs there counts until it ends."""
        self.workers.pop(name, None)

    def worker_of(self, job: int) -> WorkerRoom | None:
        """Where the job runs, or was last placed."""
        return None if job not in self._at else self._ran[self._at[job]]

    def attempts_on(self, name: str) -> int:
        """How many jobs run on a worker."""
        return self._on_worker[name].attempts if name in self._on_worker else 0

    def end_all_but(self, running: Collection[int]) -> None:
        """Only these jobs still run."""
        for job in [job for job in self._at if job not in running]:
            worker, demand = self._ran[self._at.pop(job)], self._demand_of(job)
            self._on_worker[worker.name].add(demand, -1)
            share = self._on_share[worker.share]
            share.add(demand, -1)
            if not share.attempts:
                del self._on_share[worker.share]  # sums of fractions need not come to nothing again
            if not self._on_worker[worker.name].attempts:
                del self._on_worker[worker.name]
                if worker.name not in self.workers:
                    del self._ran[worker.name]

    def place(self, jobs: Sequence[int], at_most: int) -> list[int]:
        """Those that start now, `at_most` so many, each on the worker that `worker_of` tells, where these wait in this
        order."""
        self.homeless = []
        reserved: dict[int, str] = {}
        closed: set[str] = set()  # workers for which one waits, and what shares with them
        open_ = [worker for worker in self.workers.values() if self._free(worker) > 0]
        started: list[int] = []
        for job in jobs:
            open_ = [worker for worker in open_ if worker.name not in closed and self._free(worker) > 0]
            if not open_ or len(started) >= at_most:
                break
            demand = self._demand_of(job)
            free = [worker for worker in open_ if could_run(demand, worker) and self._fits(demand, worker)]
            if free:
                self._start(job, demand, self._best(demand, free))
                started.append(job)
                continue
            possible = [worker for worker in self.workers.values() if could_run(demand, worker)]
            if not possible:
                self.homeless.append(job)
            elif (awaited := self._awaited(job, demand, possible, closed)) is not None:
                reserved[job] = awaited.name
                closed.update(worker.name for worker in self.workers.values() if worker.share == awaited.share)
        self._reserved = reserved
        self.has_room = any(worker.name not in closed and self._free(worker) > 0 for worker in open_)
        return started

    def _free(self, worker: WorkerRoom) -> int:
        return worker.slots - self.attempts_on(worker.name)

    def _fits(self, demand: Demand, worker: WorkerRoom) -> bool:
        used = self._on_share.get(worker.share)
        if used is None:
            return True
        return (not demand.cpus or used.cpus + demand.cpus <= worker.cpus) and (
            not demand.memory or used.memory + demand.memory <= worker.memory
        )

    def _best(self, demand: Demand, free: Sequence[WorkerRoom]) -> WorkerRoom:
        """The one with the fewest labels that the job does not ask for, then with the most free slots: what is rare is
        left to the jobs that need it."""
        return min(free, key=lambda worker: (len(worker.labels - demand.requires), -self._free(worker)))

    def _start(self, job: int, demand: Demand, worker: WorkerRoom) -> None:
        self._at[job] = worker.name
        self._on_worker.setdefault(worker.name, _Used()).add(demand)
        self._on_share.setdefault(worker.share, _Used()).add(demand)

    def _awaited(
        self, job: int, demand: Demand, possible: Sequence[WorkerRoom], closed: Collection[str]
    ) -> WorkerRoom | None:
        """The worker that the job waits for: the same as before, else where least runs. None for a job that takes only
        a slot, which it gets when one is free, and where others wait already."""
        possible = [worker for worker in possible if demand.counts and worker.name not in closed]
        before = self._reserved.get(job)
        for worker in possible:
            if worker.name == before:
                return worker
        return min(possible, key=self._attempts_beside, default=None)

    def _attempts_beside(self, worker: WorkerRoom) -> int:
        """How many attempts must end until the worker's share is free."""
        used = self._on_share.get(worker.share)
        return used.attempts if used else 0
