"""Which attempt held which slot, and when: the bars of a timeline."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from orchestrator.plan.model import Plan

Event = Mapping[str, Any]

UNDER_WAY = "running"
INTERRUPTED = "interrupted"


class Bar(msgspec.Struct, gc=False):
    """One attempt in its lane, from 0. `start` and `end` are seconds of the run; `how` is its verdict, `running`, or
    `interrupted` when pexec ended before it."""

    job: int
    attempt: int
    lane: int
    start: float
    end: float
    how: str = UNDER_WAY


class Timeline:
    """Add the events of a run in order. Each attempt takes the lowest lane that is free, so lanes are slots."""

    def __init__(self, plan: Plan) -> None:
        self._index_of = {job.id: job.index for job in plan.jobs}
        self._bars: list[Bar] = []
        self._running: dict[int, Bar] = {}
        self._free: list[int] = []
        self.lanes = 0
        self.end = 0.0

    def add(self, event: Event) -> None:
        """Take in one record of the journal. Raises KeyError for a job that is not in the plan."""
        self.end = event["at"]
        match event["event"]:
            case "attempt.started":
                self._start(self._index_of[event["job"]], event["attempt"], event["at"])
            case "attempt.finished":
                self._end(self._index_of[event["job"]], event["at"], event["verdict"])
            case "run.resumed":
                for job in list(self._running):
                    self._end(job, event["at"], INTERRUPTED)

    @property
    def bars(self) -> Iterator[Bar]:
        """All bars, in the order of their starts; what still runs ends with the last event."""
        for bar in self._bars:
            if bar.how == UNDER_WAY:
                bar.end = self.end
            yield bar

    def __len__(self) -> int:
        return len(self._bars)

    def _start(self, job: int, attempt: int, at: float) -> None:
        if self._free:
            lane = heapq.heappop(self._free)
        else:
            lane, self.lanes = self.lanes, self.lanes + 1
        bar = self._running[job] = Bar(job, attempt, lane, at, at)
        self._bars.append(bar)

    def _end(self, job: int, at: float, how: str) -> None:
        bar = self._running.pop(job, None)
        if bar is not None:
            bar.end, bar.how = at, how
            heapq.heappush(self._free, bar.lane)
