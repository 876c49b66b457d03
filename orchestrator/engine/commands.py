"""Commands of the engine to the driver. None is ever stored: the driver records a fact, then carries it out."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from orchestrator.engine.states import CancelReason

NO_VALUES: Mapping[str, str] = {}


class Launch(Struct, frozen=True):
    """Start this attempt. `time_cap` bounds its timeout, in seconds (for a `when: always` job of a stopping run).
    `values` are the outputs of needs that it uses, by the names in its spec."""

    job: int
    attempt: int
    time_cap: float | None = None
    values: Mapping[str, str] = NO_VALUES


class Check(Struct, frozen=True):
    """Find out whether this job is up to date. It is commanded again until the answer is recorded. `values` are those
    that a `Launch` of it would have."""

    job: int
    values: Mapping[str, str] = NO_VALUES


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
