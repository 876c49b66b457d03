"""The states of a job and every move between them. `scheduler.py` moves only along these tables."""

from __future__ import annotations

import enum


class JobState(enum.Enum):
    """Where a job stands. The last six are terminal."""

    PENDING = "pending"  # some need or `after` has not ended
    READY = "ready"  # may start as soon as there is a slot and its pools have room
    RUNNING = "running"  # an attempt is under way
    WAITING = "waiting"  # for its next attempt, until `not_before`
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    LOST = "lost"

    __hash__ = object.__hash__  # members are single; hashing the name costs a call in Python at every look-up


class Verdict(enum.StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    KILLED = "killed"  # stopped on request
    LOST = "lost"  # the infrastructure broke; says nothing about the job


class CancelReason(enum.StrEnum):
    """Who asked a run to stop."""

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
    }
)

_ENDS = {JobState.SUCCEEDED, JobState.FAILED, JobState.TIMED_OUT, JobState.CANCELLED, JobState.LOST}

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    # SUCCEEDED straight from PENDING is a group, or a success adopted from an earlier run; from READY it is an adopted
    # one too: a job without needs is ready from the first fact on, before its adoption can be read.
    JobState.PENDING: frozenset({JobState.READY, JobState.SUCCEEDED, JobState.SKIPPED, JobState.CANCELLED}),
    JobState.READY: frozenset({JobState.RUNNING, JobState.SUCCEEDED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(_ENDS | {JobState.WAITING}),
    JobState.WAITING: frozenset({JobState.READY, JobState.CANCELLED}),
    **{state: frozenset() for state in TERMINAL},
}

# What `run.resumed` alone may do: everything but a success starts over.
RESUME_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    state: frozenset() if state is JobState.SUCCEEDED else frozenset({JobState.PENDING}) for state in JobState
}
