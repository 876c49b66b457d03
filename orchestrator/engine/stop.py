"""How far a run is stopped. A stop only ever grows; a resume ends it."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

from orchestrator.engine.facts import CancelRequested
from orchestrator.engine.states import CancelReason
from orchestrator.plan.model import FailFast, When


class Stop(Struct, frozen=True):
    """A stop covers every job but those of `when: always`; a forced one covers these too.

    A covered job is never started. While a stop is on, no attempt that ends is made again. `kills`: running attempts
    of covered jobs are told to end. `hurried`: the jobs that are not covered have a cap on their time.
    """

    reason: CancelReason
    cause: str  # for people: why a job did not run
    kills: bool
    hurried: bool
    forced: bool

    def covers(self, when: When) -> bool:
        """Whether a job of this kind may not start any more."""
        return self.forced or when is not When.ALWAYS


def cause_of(reason: CancelReason, timeout: float | None, first_failure: str | None) -> str:
    """Why a job did not run, or not to its end, for people; `first_failure` tells of the first job that failed."""
    match reason:
        case CancelReason.USER:
            return "the run was cancelled"
        case CancelReason.DEADLINE:
            return f"the run's deadline of {timeout or 0:g} s passed"
        case CancelReason.FAIL_FAST:
            return "fail-fast" if first_failure is None else f"fail-fast: {first_failure}"
        case _:
            assert_never(reason)


def widen(before: Stop | None, fact: CancelRequested, fail_fast: FailFast, cause: str) -> Stop:
    """The stop after one more request for it. The reason is the first one, but the user and the deadline go before
    fail-fast, since they decide the run's result."""
    own = fact.reason is not CancelReason.FAIL_FAST
    kills = own or fact.force or fail_fast != "drain"
    if before is None:
        return Stop(fact.reason, cause, kills, own, fact.force)
    keeps = before.hurried or not own
    return Stop(
        reason=before.reason if keeps else fact.reason,
        cause=before.cause if keeps else cause,
        kills=before.kills or kills,
        hurried=before.hurried or own,
        forced=before.forced or fact.force,
    )
