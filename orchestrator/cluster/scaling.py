"""How many workers there should be: pure, from what waits and what runs.

More are started at once, for jobs that would start if there were another worker. Fewer there are only by ending workers
that have run nothing for a while. (Dask's own `adapt` is of no use: it counts tasks that were submitted ahead.)
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cluster.placement import Demand, WorkerRoom, has_what_is_required


def workers_for(waiting: Sequence[Demand], new: WorkerRoom, at_most: int) -> int:
    """How many workers like `new`, each empty at first, would take the jobs that wait; at most `at_most`."""
    waiting = [demand for demand in waiting if _could_run(demand, new)]
    if not new.is_sized or not any(demand.counts for demand in waiting):
        return min(at_most, -(-len(waiting) // new.slots))
    taken: list[_Taken] = []
    first: dict[Demand, int] = {}  # the first worker that may have room for another such job: they only get fuller
    for demand in waiting:
        number = first.get(demand, 0)
        while number < len(taken) and not taken[number].fits(demand, new):
            number += 1
        first[demand] = number
        if number == at_most:
            break
        if number == len(taken):
            taken.append(_Taken())
        taken[number].add(demand)
    return len(taken)


def _could_run(demand: Demand, new: WorkerRoom) -> bool:
    if demand.is_local or not has_what_is_required(demand, new):
        return False
    return not new.is_sized or _Taken().fits(demand, new)


class _Taken:
    """What the jobs of a new worker take of it."""

    __slots__ = ("attempts", "cpus", "memory")

    def __init__(self) -> None:
        self.attempts, self.cpus, self.memory = 0, 0.0, 0

    def fits(self, demand: Demand, new: WorkerRoom) -> bool:
        return (
            self.attempts < new.slots
            and self.cpus + demand.cpus <= new.cpus
            and self.memory + demand.memory <= new.memory
        )

    def add(self, demand: Demand) -> None:
        self.attempts += 1
        self.cpus += demand.cpus
        self.memory += demand.memory


class Scaling:
    """The number of workers of one run, from `least` to `most`, each like `new`; a worker is ended when it has been
    empty for `idle` seconds."""

    def __init__(self, least: int, most: int, idle: float, new: WorkerRoom) -> None:
        self._least = least
        self.most = most
        self._idle = idle
        self.new = new
        self.wanted = least
        """How many there are, or will be in a moment."""
        self._empty_since: dict[str, float] = {}
        self.look_again_at: float | None = None
        """When a worker will have been empty for long enough."""

    def grow(self, waiting: Sequence[Demand], present: int) -> bool:
        """These jobs wait, and no worker that is `present` has room for them: whether more are wanted now."""
        if self.wanted >= self.most:
            return False
        needed = min(self.most, present + workers_for(waiting, self.new, self.most))
        grows = needed > self.wanted  # those that are starting already are counted in both
        self.wanted = max(self.wanted, needed)
        return grows

    def shrink(self, empty: Sequence[str], now: float, present: int) -> list[str]:
        """The workers that are to end now, of those that take jobs and run none. More may be `present` than are wanted,
        if one that was to end had died, and another one took its place."""
        beyond = present - self.wanted
        self._empty_since = {name: self._empty_since.get(name, now) for name in empty}
        self.look_again_at = None
        ended: list[str] = []
        for name, since in sorted(self._empty_since.items(), key=lambda item: item[1]):
            if beyond <= 0 and self.wanted <= self._least:
                break
            if now - since < self._idle:
                self.look_again_at = since + self._idle
                break
            ended.append(name)
            if beyond > 0:
                beyond -= 1
            else:
                self.wanted -= 1
            del self._empty_since[name]
        return ended
