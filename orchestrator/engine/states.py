"""The states of a job and every move between them. `scheduler.py` moves only along these tables."""

from __future__ import annotations

import enum


class JobState(enum.Enum):
    """The state of a job. The last eight are ends, the last one of them without a status."""

    PENDING = "pending"  # a need or an `after` job has not ended
    READY = "ready"  # is checked, if it may be up to date; starts once a slot is free and its pools have room
    RUNNING = "running"  # an attempt is under way
    WAITING = "waiting"  # for its next attempt, at `not_before` or later
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    LOST = "lost"
    LEFT_OUT = "left_out"  # its `if` does not hold, decided when its needs had ended; or its matrix is empty
    EXPANDED = "expanded"  # a placeholder that has left the run: jobs have taken its place

    __hash__ = object.__hash__  # members are singletons; hashing the name costs a Python call at every lookup


class Verdict(enum.StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    KILLED = "killed"  # stopped on request
    LOST = "lost"  # the infrastructure broke, which is not the job's fault


class CancelReason(enum.StrEnum):
    """What requested a run to stop."""

    USER = "user"
    DEADLINE = "deadline"
    FAIL_FAST = "fail_fast"


TERMINAL = frozenset(
    {
        JobState.SUCCEEDED,
        JobState.FAILED,
        JobState.TIMED_OUT,
        JobState.CANCELLED,
        JobState.SKIPPED,
        JobState.LOST,
        JobState.LEFT_OUT,
    }
)

ENDED = TERMINAL | {JobState.EXPANDED}

_ENDS = {JobState.SUCCEEDED, JobState.FAILED, JobState.TIMED_OUT, JobState.CANCELLED, JobState.LOST}

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    # PENDING to SUCCEEDED is a group, or a success adopted from an earlier run. READY to SUCCEEDED is an adopted one,
    # too: a job without needs is ready from the first fact on, before its adoption can be read. Or it is up to date.
    # PENDING to FAILED is a job that uses an output value that does not exist, or a placeholder without cells.
    JobState.PENDING: frozenset(
        {
            JobState.READY,
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.SKIPPED,
            JobState.LEFT_OUT,
            JobState.CANCELLED,
            JobState.EXPANDED,
        }
    ),
    JobState.READY: frozenset({JobState.RUNNING, JobState.SUCCEEDED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(_ENDS | {JobState.WAITING}),
    JobState.WAITING: frozenset({JobState.READY, JobState.CANCELLED}),
    **{state: frozenset() for state in ENDED},
}

# For `run.resumed` only: everything but a success starts over; what has grown stays.
KEPT = frozenset({JobState.SUCCEEDED, JobState.EXPANDED})
RESUME_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    state: frozenset() if state in KEPT else frozenset({JobState.PENDING}) for state in JobState
}
