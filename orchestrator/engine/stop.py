"""How far a run is stopped. A stop only ever widens; a resume ends it.

A stop covers all jobs but `when: always`; a forced stop covers these too (`Stop.covers`). A covered job that is ready
or waiting, or would become ready, is cancelled instead. One that waits for a running need stays pending and is decided
when that need ends, by the ordinary rules, so that "skipped" takes precedence over "cancelled". A group starts nothing,
so a stop does not affect it. During a stop nothing is retried, but an `always` job that was already waiting keeps the
attempt it was granted. Fail-fast in its `drain` form lets running attempts finish; any other stop terminates those of
covered jobs. After a stop by the user or the deadline, `always` jobs are launched with their `cleanup_timeout` as their
timeout; those that already run are left alone for that long and then terminated too. The escalation is TERM, KILL after
the job's grace period, and after `last_grace` the attempt is given up as lost. This is why every stop ends, if need be
a forced one: an `always` job launched during a stop is trusted to keep its own timeout, as every attempt is. What an
attempt reports about its end counts: one that was sent TERM may still succeed or fail.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

from orchestrator.engine.facts import CancelRequested
from orchestrator.engine.states import CancelReason
from orchestrator.plan.model import FailFast, Policy, When


class Stop(Struct, frozen=True):
    """A stop covers every job but `when: always` jobs; a forced stop covers these too.

    A covered job is never started, and during a stop nothing is retried. `kills`: running attempts of covered jobs are
    terminated. `hurried`: the time of the jobs that are not covered is capped.
    """

    reason: CancelReason
    cause: str  # human-readable: why a job did not run
    kills: bool
    hurried: bool
    forced: bool

    def covers(self, when: When) -> bool:
        """Whether a job with this `when` may no longer start."""
        return self.forced or when is not When.ALWAYS


def reason_to_stop(
    now: float, deadline: float | None, stop: Stop | None, policy: Policy, failures: int
) -> CancelReason | None:
    """Why a run has to be stopped now, as far as it is not."""
    if deadline is not None and now >= deadline and not (stop is not None and stop.hurried):
        return CancelReason.DEADLINE
    if stop is None and policy.fail_fast is not False and failures:
        return CancelReason.FAIL_FAST
    return None


def cause_of(reason: CancelReason, timeout: float | None, first_failure: str | None) -> str:
    """Why a job did not run, or was stopped, for readers. `first_failure` reads like "`build` failed"."""
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
    """The stop after one more request. The first reason counts, but the user and the deadline take precedence over
    fail-fast because they decide the run's result."""
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
