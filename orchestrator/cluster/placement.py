"""Which worker gets a job: pure, from what the workers offer and what runs on them.

The CPUs and the memory of a host are shared by its workers. A job that declares more than its host has runs alone
there, as it does on pexec's own machine: else it would wait for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct


class WorkerRoom(Struct, frozen=True):
    """A worker that has joined: how many attempts it runs at once, and the CPUs and bytes of memory of its host."""

    name: str
    host: str
    slots: int
    cpus: int
    memory: int


class Demand(Struct, frozen=True):
    """What a job declares: CPUs and bytes of memory."""

    cpus: float = 0
    memory: int = 0


def choose_worker(demand: Demand, workers: Sequence[WorkerRoom], running: Mapping[str, Sequence[Demand]]) -> str | None:
    """The worker with the most free slots on a host with room for the job, the first of several; None if it has to
    wait. `running` has what runs, by worker."""
    on_host: dict[str, list[Demand]] = {}
    for worker in workers:
        on_host.setdefault(worker.host, []).extend(running.get(worker.name, ()))
    best, most = None, 0
    for worker in workers:
        free = worker.slots - len(running.get(worker.name, ()))
        if free > most and _has_room(worker, demand, on_host[worker.host]):
            best, most = worker.name, free
    return best


def _has_room(host: WorkerRoom, demand: Demand, running: Iterable[Demand]) -> bool:
    together = [demand, *running]
    if len(together) == 1:
        return True
    cpus, memory = sum(one.cpus for one in together), sum(one.memory for one in together)
    return (not demand.cpus or cpus <= host.cpus) and (not demand.memory or memory <= host.memory)
