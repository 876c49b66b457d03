"""Commands of the engine to the driver. None is ever stored: the driver records a fact, then carries it out."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.engine.states import CancelReason


class Launch(Struct, frozen=True):
    """Start this attempt. `time_cap` bounds its timeout, in seconds (for a `when: always` job of a stopping run)."""

    job: int
    attempt: int
    time_cap: float | None = None


class Check(Struct, frozen=True):
    """Find out whether this job is up to date. It is commanded again until the answer is recorded."""

    job: int


class Kill(Struct, frozen=True):
    """Stop this attempt: TERM, or with `force` KILL."""

    job: int
    attempt: int
    force: bool


class GiveUp(Struct, frozen=True):
    """This attempt did not report its end long after it was killed: record it as lost."""

    job: int
    attempt: int


class Cancel(Struct, frozen=True):
    """Stop the run for this reason, or with `job` only that job: record `cancel.requested`."""

    reason: CancelReason
    job: int | None = None


Command = Launch | Check | Kill | GiveUp | Cancel
