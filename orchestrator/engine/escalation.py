"""The attempts under way, and the escalation that ends those that must stop.

TERM, wait the job's grace period, KILL, wait the last grace period, give up: one step at a time, each due at a second
of the run.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Iterator, Sequence

from msgspec import Struct

from orchestrator.engine.commands import Command, GiveUp, Kill
from orchestrator.engine.stop import Stop
from orchestrator.plan.model import PlannedJob


class Step(enum.IntEnum):
    """The next step for an attempt. A later step is never replaced by an earlier one."""

    NONE = 0
    TERM = 1
    KILL = 2
    GIVE_UP = 3


class RunningAttempt(Struct):
    """An attempt under way. `step` is due at second `due`; `cause` is why it was first requested to end."""

    attempt: int
    step: Step = Step.NONE
    due: float = 0.0
    cause: str = ""


class Escalation:
    """The running attempt of each job, and a heap of the steps to come."""

    __slots__ = ("running", "steps")

    def __init__(self) -> None:
        self.running: dict[int, RunningAttempt] = {}
        self.steps: list[tuple[float, int, int, Step]] = []  # due, job, attempt, step

    def __len__(self) -> int:
        return len(self.running)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Job and attempt of everything that runs, oldest first."""
        return ((job, running.attempt) for job, running in self.running.items())

    def start(self, job: int, attempt: int) -> None:
        """An attempt is under way."""
        self.running[job] = RunningAttempt(attempt)

    def is_current(self, job: int, attempt: int) -> bool:
        """Whether exactly this attempt is under way."""
        running = self.running.get(job)
        return running is not None and running.attempt == attempt

    def is_ending(self, job: int) -> bool:
        """Whether the job's running attempt was requested to end."""
        return self.running[job].step is not Step.NONE

    def end(self, job: int, attempt: int) -> RunningAttempt | None:
        """The attempt ended; what was known about it, or None if it is not the one under way."""
        running = self.running.get(job)
        if running is None or running.attempt != attempt:
            return None
        return self.running.pop(job)

    def schedule(self, job: int, step: Step, due: float, cause: str = "") -> None:
        """Make `step` the next one, due at second `due`, unless a later one, or the same one sooner, is scheduled."""
        running = self.running[job]
        if step > running.step or (step is running.step and due < running.due):
            running.step, running.due = step, due
            running.cause = running.cause or cause
            heapq.heappush(self.steps, (due, job, running.attempt, step))

    def end_all(self, stop: Stop, jobs: Sequence[PlannedJob], at: float) -> None:
        """Schedule the first step for each attempt that this stop ends, at once or when its time is over."""
        for job in self.running:
            if stop.forced:
                self.schedule(job, Step.KILL, at, stop.cause)
            elif stop.covers(jobs[job].when):
                self.schedule(job, Step.TERM, at, stop.cause)
            elif stop.hurried:
                self.schedule(job, Step.TERM, at + jobs[job].spec.cleanup_timeout, stop.cause)

    def due_commands(self, now: float) -> list[Command]:
        """A command for each step that is due, oldest first. A step stays due until a fact confirms it."""
        if not self.steps or self.steps[0][0] > now:
            return []
        due: list[tuple[float, int, int, Step]] = []
        while self.steps and self.steps[0][0] <= now:
            entry = heapq.heappop(self.steps)
            if self._is_next(entry):
                due.append(entry)
        for entry in due:
            heapq.heappush(self.steps, entry)
        return [_command(*entry[1:]) for entry in due]

    def next_due(self) -> float | None:
        """The second at which the next step is due."""
        while self.steps and not self._is_next(self.steps[0]):
            heapq.heappop(self.steps)
        return self.steps[0][0] if self.steps else None

    def clear(self) -> None:
        """Forget all attempts: nothing runs any more."""
        self.running.clear()
        self.steps.clear()

    def snapshot(self) -> tuple[object, ...]:
        """Everything that a replay must reproduce."""
        return tuple(sorted((job, r.attempt, r.step, r.due, r.cause) for job, r in self.running.items()))

    def _is_next(self, entry: tuple[float, int, int, Step]) -> bool:
        due, job, attempt, step = entry
        running = self.running.get(job)
        return running is not None and (running.due, running.attempt, running.step) == (due, attempt, step)


def _command(job: int, attempt: int, step: Step) -> Command:
    return GiveUp(job, attempt) if step is Step.GIVE_UP else Kill(job, attempt, force=step is Step.KILL)
