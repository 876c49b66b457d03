"""Wishes of the engine. A command is never stored: the driver records a fact, then does it."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.engine.states import CancelReason


class Launch(Struct, frozen=True):
    """Start this attempt. `time_cap` bounds its time-out in seconds (a `when: always` job of a stopping run)."""

    job: int
    attempt: int
    time_cap: float | None = None


class Kill(Struct, frozen=True):
    """Stop this attempt: TERM, or with `force` KILL."""

    job: int
    attempt: int
    force: bool


class GiveUp(Struct, frozen=True):
    """Nothing was heard of this attempt long after it was killed: record it as lost."""

    job: int
    attempt: int


class Cancel(Struct, frozen=True):
    """Stop the run, or with `job` only that job, for this reason: record `cancel.requested`."""

    reason: CancelReason
    job: int | None = None


Command = Launch | Kill | GiveUp | Cancel
