"""What the end of a job means for those that need it, and what all ends mean for the run. Pure tables."""

from __future__ import annotations

import enum
from typing import assert_never

from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.plan.model import When

FAILURES = frozenset({JobState.FAILED, JobState.TIMED_OUT, JobState.LOST})

# What a job becomes by the end of its last attempt.
STATUS = {
    Verdict.SUCCEEDED: JobState.SUCCEEDED,
    Verdict.FAILED: JobState.FAILED,
    Verdict.TIMED_OUT: JobState.TIMED_OUT,
    Verdict.KILLED: JobState.CANCELLED,
    Verdict.LOST: JobState.LOST,
}

# How an end that did not go well is told in a sentence: "need `build` timed out".
WENT = {
    JobState.FAILED: "failed",
    JobState.TIMED_OUT: "timed out",
    JobState.LOST: "was lost",
    JobState.SKIPPED: "was skipped",
    JobState.CANCELLED: "was cancelled",
}


class NeedEnd(enum.Enum):
    """What the end of a need is to the jobs that need it."""

    MET = "met"  # it succeeded, or its failure is allowed
    FAILED = "failed"  # it failed, timed out or was lost
    ABSENT = "absent"  # it was skipped or cancelled: no failure, and nothing to build on


class Gate(enum.Enum):
    """Whether a job's needs let it run."""

    WAIT = "wait"
    OPEN = "open"
    SHUT = "shut"  # they never will: the job is skipped


class RunResult(enum.StrEnum):
    """How a whole run ended."""

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


def need_end(state: JobState, *, allowed: bool) -> NeedEnd:
    """What a need that ended in this terminal state is to its dependents; `allowed` says its failure is allowed."""
    if state is JobState.SUCCEEDED or (allowed and state in FAILURES):
        return NeedEnd.MET
    return NeedEnd.FAILED if state in FAILURES else NeedEnd.ABSENT


def gate(when: When, *, left: int, failed: int, absent: int) -> Gate:
    """Whether a job may run whose needs have `left` to end, `failed` and `absent` among those that ended.

    `success` is shut by the first need that is not met; `failure` and `always` are decided when all needs ended.
    """
    match when:
        case When.SUCCESS:
            if failed or absent:
                return Gate.SHUT
            return Gate.WAIT if left else Gate.OPEN
        case When.FAILURE:
            if left:
                return Gate.WAIT
            return Gate.OPEN if failed else Gate.SHUT
        case When.ALWAYS:
            return Gate.WAIT if left else Gate.OPEN
        case _:
            assert_never(when)


def run_result(*, failed: int, cancelled: int, stopped_by: CancelReason | None) -> RunResult:
    """The result of a run in which so many jobs failed (and were not allowed to) and were cancelled.

    What comes first wins: a stop by the user or the deadline is CANCELLED, whatever else happened; a failure is
    FAILED, so fail-fast is too; a job that was cancelled by itself is CANCELLED; all else is SUCCESS.
    """
    if stopped_by in (CancelReason.USER, CancelReason.DEADLINE):
        return RunResult.CANCELLED
    if failed:
        return RunResult.FAILED
    return RunResult.CANCELLED if cancelled else RunResult.SUCCESS
