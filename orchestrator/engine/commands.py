"""Wishes of the engine. A command is never stored: the driver records a fact, then does it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.engine.states import CancelReason


@dataclass(frozen=True, slots=True)
class Launch:
    """Start this attempt. `time_cap` bounds its time-out in seconds (a `when: always` job of a stopping run)."""

    job: int
    attempt: int
    time_cap: float | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """Stop this attempt: TERM, or with `force` KILL."""

    job: int
    attempt: int
    force: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing was heard of this attempt long after it was killed: record it as lost."""

    job: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the run, or with `job` only that job, for this reason: record `cancel.requested`."""

    reason: CancelReason
    job: int | None = None


Command = Launch | Kill | GiveUp | Cancel
