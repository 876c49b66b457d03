"""What the end of a job means for its dependents, and what all ends mean for the run. Pure tables."""

from __future__ import annotations

import enum
from typing import assert_never

from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.plan.model import When

# The bad ends, and how the journal spells them. Every other list of them in the project is derived from this one.
FAILURES = frozenset({JobState.FAILED, JobState.TIMED_OUT, JobState.LOST})
FAILURE_NAMES = frozenset(state.value for state in FAILURES)

# What a job becomes when its last attempt ends with this verdict.
STATE_AFTER = {
    Verdict.SUCCEEDED: JobState.SUCCEEDED,
    Verdict.FAILED: JobState.FAILED,
    Verdict.TIMED_OUT: JobState.TIMED_OUT,
    Verdict.KILLED: JobState.CANCELLED,
    Verdict.LOST: JobState.LOST,
}

# The reason of an attempt that was stopped. In that of its job the cause of the stop takes its place.
STOPPED_ON_REQUEST = "stopped on request"

# Each end but a success as a predicate: "need `build` timed out".
OUTCOME_PHRASES = {
    JobState.FAILED: "failed",
    JobState.TIMED_OUT: "timed out",
    JobState.LOST: "was lost",
    JobState.SKIPPED: "was skipped",
    JobState.CANCELLED: "was cancelled",
    JobState.LEFT_OUT: "was left out",
}


class NeedEnd(enum.Enum):
    """What the end of a need means to its dependents."""

    MET = "met"  # it succeeded, its failure is allowed, or its `if` left it out
    FAILED = "failed"  # it failed, timed out or was lost, or was skipped because of such an end
    ABSENT = "absent"  # it was skipped without a failure, or cancelled: its results are missing


class Gate(enum.Enum):
    """Whether a job's needs let it run."""

    WAIT = "wait"
    OPEN = "open"
    SHUT = "shut"  # never: the job is skipped


class RunResult(enum.StrEnum):
    """How a whole run ended."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def need_end(state: JobState, *, allowed: bool, behind_failure: bool = False) -> NeedEnd:
    """What a need that ended in this state means to its dependents.

    `allowed`: its failure is allowed. `behind_failure`: it was skipped because one of its own needs counts as failed.
    """
    if state in (JobState.SUCCEEDED, JobState.LEFT_OUT) or (allowed and state in FAILURES):
        return NeedEnd.MET
    return NeedEnd.FAILED if state in FAILURES or behind_failure else NeedEnd.ABSENT


def gate(when: When, *, left: int, failed: int, absent: int) -> Gate:
    """Whether a job may run while `left` of its needs have not ended, `failed` failed and `absent` were not run.

    Nothing is decided before all needs have ended. So whatever follows a skipped job, such as a teardown, never starts
    while something upstream of it still runs.
    """
    if left:
        return Gate.WAIT
    match when:
        case When.SUCCESS:
            return Gate.SHUT if failed or absent else Gate.OPEN
        case When.FAILURE:
            return Gate.OPEN if failed else Gate.SHUT
        case When.ALWAYS:
            return Gate.OPEN
        case _:
            assert_never(when)


def run_result(*, failed: int, cancelled: int, stopped_by: CancelReason | None) -> RunResult:
    """The result of a run with this number of failed (allowed failures excluded) and cancelled jobs.

    The first match wins: a stop by the user or the deadline is CANCELLED, whatever else happened; a failure is FAILED,
    and so is fail-fast; a job that was cancelled on its own is CANCELLED; everything else is SUCCESS.
    """
    if stopped_by in (CancelReason.USER, CancelReason.DEADLINE):
        return RunResult.CANCELLED
    if failed:
        return RunResult.FAILED
    return RunResult.CANCELLED if cancelled else RunResult.SUCCESS
