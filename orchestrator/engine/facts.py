"""Facts: what happened in a run, in order. The engine's state is a fold over them and over nothing else.

`at` is the second of the run (monotonic, continues after a resume). `job` is an index into `Plan.jobs`; attempts count
from 1 and never restart, not even after a resume.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.plan.cells import Cell


class RunStarted(Struct, frozen=True):
    """The first fact of every run. `early_skips`: it follows the rules of version 0.1, see `job_table.py`."""

    at: float
    early_skips: bool = False


class RunResumed(Struct, frozen=True):
    """A new process continues this run: whatever was under way is gone, and jobs that did not succeed start over."""

    at: float


class JobAdopted(Struct, frozen=True):
    """The job's success in an earlier run is reused, with the values that it handed to its dependents there."""

    at: float
    job: int
    outputs: Mapping[str, str] = field(default_factory=dict)


class JobCached(Struct, frozen=True):
    """The job is up to date: what it would do is done already, or was restored. `outputs` are its values."""

    at: float
    job: int
    outputs: Mapping[str, str] = {}


class JobMustRun(Struct, frozen=True):
    """The job was checked and is not up to date."""

    at: float
    job: int


class AttemptStarted(Struct, frozen=True):
    """Written before the process is started, so that no running process is ever unknown."""

    at: float
    job: int
    attempt: int


class AttemptFinished(Struct, frozen=True):
    """The one end of an attempt. `reason` is human-readable text. `outputs` are the values of a success, as text.
    `evicted`: it is lost since its worker was told to end."""

    at: float
    job: int
    attempt: int
    verdict: Verdict
    exit_code: int | None = None
    signal: str | None = None
    reason: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    evicted: bool = False


class KillSent(Struct, frozen=True):
    """An attempt was sent TERM, or with `force` KILL."""

    at: float
    job: int
    attempt: int
    force: bool


class CancelRequested(Struct, frozen=True):
    """The run is to stop, or with `job` only that job. `force` also gives up on `when: always` jobs."""

    at: float
    reason: CancelReason
    force: bool = False
    job: int | None = None


Fact = (
    RunStarted
    | RunResumed
    | JobAdopted
    | JobCached
    | JobMustRun
    | AttemptStarted
    | AttemptFinished
    | KillSent
    | CancelRequested
)


class RetryScheduled(Struct, frozen=True):
    """Follows from an attempt's end: attempt `attempt` may start at second `not_before` or later."""

    job: int
    attempt: int
    not_before: float
    reason: str


class JobFinished(Struct, frozen=True):
    """Follows from a fact: the job has its final status. `allowed` marks a failure that is allowed, `placeholder` a
    matrix that was never expanded."""

    job: int
    status: JobState
    reason: str
    attempts: int
    allowed: bool
    placeholder: bool = False


class MatrixExpanded(Struct, frozen=True):
    """Follows from a fact: cells have taken the place of a placeholder, which has left the run. They are the last jobs
    then, in this order."""

    job: int
    workflow: str
    cells: tuple[Cell, ...]


Consequence = RetryScheduled | JobFinished | MatrixExpanded
