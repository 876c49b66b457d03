"""The attempts under way, and how each that was asked to end is brought to its end.

Ask, TERM, wait the job's grace, KILL, wait the last grace, give up: one step at a time, each due at a second.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.engine.commands import Command, GiveUp, Kill


class Step(enum.IntEnum):
    """What is to be done next about an attempt; a later step is never taken back for an earlier one."""

    NONE = 0
    TERM = 1
    KILL = 2
    GIVE_UP = 3


class Running(Struct):
    """An attempt under way. `step` is due at second `due`; `cause` says for people why it was first asked to end."""

    attempt: int
    step: Step = Step.NONE
    due: float = 0.0
    cause: str = ""


class Escalation:
    """Each running job's attempt, and a heap of the steps to come."""

    __slots__ = ("_heap", "_running")

    def __init__(self) -> None:
        self._running: dict[int, Running] = {}
        self._heap: list[tuple[float, int, int, Step]] = []  # due, job, attempt, step

    def __len__(self) -> int:
        return len(self._running)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Job and attempt of all that run."""
        return ((job, running.attempt) for job, running in self._running.items())

    def start(self, job: int, attempt: int) -> None:
        """An attempt is under way."""
        self._running[job] = Running(attempt)

    def is_current(self, job: int, attempt: int) -> bool:
        """Whether this very attempt is under way."""
        running = self._running.get(job)
        return running is not None and running.attempt == attempt

    def is_asked_to_end(self, job: int) -> bool:
        """Whether a step was asked for about its attempt."""
        return self._running[job].step is not Step.NONE

    def end(self, job: int) -> Running:
        """The attempt ended; what was known of it."""
        return self._running.pop(job)

    def ask(self, job: int, step: Step, due: float, cause: str = "") -> None:
        """Let this step be the next one at that second, unless a later step, or the same one sooner, already is."""
        running = self._running[job]
        if step > running.step or (step is running.step and due < running.due):
            running.step, running.due = step, due
            running.cause = running.cause or cause
            heapq.heappush(self._heap, (due, job, running.attempt, step))

    def wishes(self, now: float) -> list[Command]:
        """A command for each step that is due, oldest first. The steps stay due until facts say that they were done."""
        due: list[tuple[float, int, int, Step]] = []
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._holds(entry):
                due.append(entry)
        for entry in due:
            heapq.heappush(self._heap, entry)
        return [_command(*entry[1:]) for entry in due]

    def next_due(self) -> float | None:
        """When the next step is due."""
        while self._heap and not self._holds(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Nothing runs any more."""
        self._running.clear()
        self._heap.clear()

    def snapshot(self) -> tuple[object, ...]:
        """All that replays must agree on."""
        return tuple(sorted((job, r.attempt, r.step, r.due, r.cause) for job, r in self._running.items()))

    def _holds(self, entry: tuple[float, int, int, Step]) -> bool:
        due, job, attempt, step = entry
        running = self._running.get(job)
        return running is not None and (running.due, running.attempt, running.step) == (due, attempt, step)


def _command(job: int, attempt: int, step: Step) -> Command:
    return GiveUp(job, attempt) if step is Step.GIVE_UP else Kill(job, attempt, force=step is Step.KILL)
