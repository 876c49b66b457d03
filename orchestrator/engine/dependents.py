"""For each job the jobs that wait for it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate


class Dependents:
    """For each job the jobs that wait for it: `edges`, what each job waits for, reversed.

    Two arrays and not a list for each job: 4 bytes for an edge and 4 for a job, where 100,000 lists would take 17 MB.
    Edges that are added later have lists of their own.
    """

    __slots__ = ("_first", "_jobs", "_later")

    def __init__(self, edges: Sequence[Sequence[int]]) -> None:
        counts = array("i", bytes(4 * (len(edges) + 1)))
        for row in edges:
            for other in row:
                counts[other + 1] += 1
        self._first = array("i", accumulate(counts))
        self._jobs = array("i", bytes(4 * self._first[-1]))
        self._later: dict[int, list[int]] = {}
        if self._jobs:
            self._fill(edges)

    def _fill(self, edges: Sequence[Sequence[int]]) -> None:
        jobs, free = self._jobs, self._first[:]
        for job, row in enumerate(edges):
            for other in row:
                jobs[free[other]] = job
                free[other] += 1

    def of(self, job: int) -> Sequence[int]:
        """The jobs that wait for this one: ascending, then those that were added, in that order."""
        if self._later and job in self._later:
            return self._later[job]
        first = self._first
        return self._jobs[first[job] : first[job + 1]] if job + 1 < len(first) else ()

    def add(self, job: int, waiting: int) -> None:
        """Another job waits for this one."""
        self._of_its_own(job).append(waiting)

    def remove(self, job: int, waiting: int) -> None:
        """A job does not wait for this one any more."""
        self._of_its_own(job).remove(waiting)

    def _of_its_own(self, job: int) -> list[int]:
        if job not in self._later:
            self._later[job] = list(self.of(job))
        return self._later[job]
