"""Facts: what happened in a run, in order. The engine's state is a fold over them and over nothing else.

`at` is the second of the run (monotonic, goes on over a resume). `job` is an index into `Plan.jobs`; attempts count
from 1 and never restart.
"""

from __future__ import annotations

from msgspec import Struct

from orchestrator.engine.states import CancelReason, JobState, Verdict


class RunStarted(Struct, frozen=True):
    """The first fact of every run."""

    at: float


class RunResumed(Struct, frozen=True):
    """A new process goes on with this run: whatever was under way is gone, what did not succeed starts over."""

    at: float


class JobAdopted(Struct, frozen=True):
    """A success of an earlier run counts here too."""

    at: float
    job: int


class AttemptStarted(Struct, frozen=True):
    """Written before the process is started, so that no running process is ever unknown."""

    at: float
    job: int
    attempt: int


class AttemptFinished(Struct, frozen=True):
    """The one end of an attempt. `reason` is a sentence for people."""

    at: float
    job: int
    attempt: int
    verdict: Verdict
    exit_code: int | None = None
    signal: str | None = None
    reason: str = ""


class KillSent(Struct, frozen=True):
    """An attempt was told to stop; with `force` it was killed."""

    at: float
    job: int
    attempt: int
    force: bool


class CancelRequested(Struct, frozen=True):
    """The run is to stop; or, with `job`, only that job. `force` also gives up `when: always` jobs."""

    at: float
    reason: CancelReason
    force: bool = False
    job: int | None = None


Fact = RunStarted | RunResumed | JobAdopted | AttemptStarted | AttemptFinished | KillSent | CancelRequested


class RetryScheduled(Struct, frozen=True):
    """Follows from an attempt's end: attempt number `attempt` may start from `not_before` on."""

    job: int
    attempt: int
    not_before: float
    reason: str


class JobFinished(Struct, frozen=True):
    """Follows from a fact: the job has its final status. `allowed`: it failed, and its failure is allowed."""

    job: int
    status: JobState
    reason: str
    attempts: int
    allowed: bool


Consequence = RetryScheduled | JobFinished
