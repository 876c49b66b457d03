"""Which attempt occupied which slot, and when: the bars of a timeline."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator, Mapping

import msgspec

from orchestrator.journal.events import EventRecord
from orchestrator.plan.model import Plan

UNDER_WAY = "running"
INTERRUPTED = "interrupted"


class Bar(msgspec.Struct, gc=False):
    """One attempt in its lane, from 0. `start` and `end` are seconds of the run; `how` is its verdict, `running`, or
    `interrupted` if pexec ended before it. `retry_at` is the second at which the next attempt may start, if one was
    scheduled. `place` is the worker and its host, for an attempt on a worker."""

    job: int
    attempt: int
    lane: int
    start: float
    end: float
    how: str
    retry_at: float | None = None
    place: str = ""


class Timeline:
    """Add the events of a run in order. Each attempt takes the lowest lane that is free, so lanes are slots.

    `index_of` maps job ids to indices, if the caller has that already. Bars are kept in columns of numbers: 29 bytes
    for an attempt, where an object takes 120.
    """

    def __init__(self, plan: Plan, index_of: Mapping[str, int] | None = None) -> None:
        self._index_of = {job.id: job.index for job in plan.jobs} if index_of is None else index_of
        self._jobs, self._attempts, self._lanes = array("i"), array("i"), array("i")
        self._starts, self._ends = array("d"), array("d")
        self._hows = array("b")  # indices in `_names`
        self._names = [UNDER_WAY]
        self._running: dict[int, int] = {}  # job -> the number of its bar
        self._free: list[int] = []
        self._ended: tuple[int, int] = (-1, -1)  # the job that ended last, and its bar
        self._retries: dict[int, float] = {}  # bar -> the second at which the next attempt may start
        self._places: dict[int, str] = {}  # bar -> where it ran, if that was on a worker
        self.lanes = 0
        self.end = 0.0

    def add(self, event: EventRecord) -> None:
        """Add one record of the journal. Raises KeyError for a job that is not in the plan."""
        self.end = event["at"]
        match event["event"]:
            case "attempt.started":
                if (worker := event.get("worker")) is not None:
                    self._places[len(self._jobs)] = f"{worker} ({event['host']})"
                self._start(self._index_of[event["job"]], event["attempt"], event["at"])
            case "attempt.finished":
                self._end(self._index_of[event["job"]], event["at"], event["verdict"])
            case "retry.scheduled":  # directly after the end of the attempt
                job, number = self._ended
                if self._index_of[event["job"]] == job:
                    self._retries[number] = event["not_before"]
            case "run.resumed":
                for job in list(self._running):
                    self._end(job, event["at"], INTERRUPTED)

    @property
    def bars(self) -> Iterator[Bar]:
        """All bars, in the order of their starts; what still runs ends with the last event."""
        numbers = (self._jobs, self._attempts, self._lanes, self._starts, self._ends, self._hows)
        for number, (job, attempt, lane, start, end, how) in enumerate(zip(*numbers, strict=True)):
            retry_at = self._retries.get(number)
            place = self._places.get(number, "")
            yield Bar(job, attempt, lane, start, end if how else self.end, self._names[how], retry_at, place)

    def __len__(self) -> int:
        return len(self._jobs)

    def _start(self, job: int, attempt: int, at: float) -> None:
        if self._free:
            lane = heapq.heappop(self._free)
        else:
            lane, self.lanes = self.lanes, self.lanes + 1
        self._running[job] = len(self._jobs)
        self._jobs.append(job)
        self._attempts.append(attempt)
        self._lanes.append(lane)
        self._starts.append(at)
        self._ends.append(at)
        self._hows.append(0)

    def _end(self, job: int, at: float, how: str) -> None:
        number = self._running.pop(job, None)
        if number is not None:
            if how not in self._names:
                self._names.append(how)
            self._ended = job, number
            self._ends[number], self._hows[number] = at, self._names.index(how)
            heapq.heappush(self._free, self._lanes[number])
