"""Who waits for whom, seen from the other end: for each job those that name it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

Rows = Sequence[Sequence[int]]


class Dependents:
    """The rows of a graph turned round. Two arrays and no list for each job: 4 bytes for an edge and 4 for a job, where
    100,000 lists would take 17 MB."""

    __slots__ = ("_first", "_jobs")

    def __init__(self, rows: Rows) -> None:
        counts = array("i", bytes(4 * (len(rows) + 1)))
        for row in rows:
            for other in row:
                counts[other + 1] += 1
        self._first = array("i", accumulate(counts))
        self._jobs = array("i", bytes(4 * self._first[-1]))
        if self._jobs:
            self._fill(rows)

    def _fill(self, rows: Rows) -> None:
        jobs, place = self._jobs, self._first[:]
        for job, row in enumerate(rows):
            for other in row:
                jobs[place[other]] = job
                place[other] += 1

    def of(self, job: int) -> Iterable[int]:
        """Those that name this job, ascending."""
        first = self._first
        return self._jobs[first[job] : first[job + 1]]
