"""What a judge of a run knows: the plan as its file tells it, and where each job stands by the events so far.

Read from the plain data of `plan.json` and not from the scheduler's own classes: what is to be judged is no witness.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

BROKE = ("failed", "timed_out", "lost")
EXTRA_AFTER_LOST = 2
DEFAULT_GRACE = 10.0
SECOND = 1e-6  # how exactly the journal tells times


class Phase(enum.Enum):
    """Where a job stands."""

    IDLE = "idle"
    RUNNING = "running"
    UNDECIDED = "undecided"  # an attempt ended; whether it is made again was not yet said
    WAITING = "waiting"  # for its next attempt
    ENDED = "ended"


class Gate(enum.Enum):
    """What a job's needs say."""

    WAIT = "wait"
    OPEN = "open"
    SHUT = "shut"


class Retry(Struct, frozen=True):
    """When an attempt is made again; the defaults are those of a plan that says nothing."""

    max_attempts: int = 1
    delay: float = 1.0
    backoff: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.1
    on: tuple[str, ...] = ("failed", "timed_out")
    on_exit: tuple[int, ...] = ()

    def wait(self, ends: int) -> tuple[float, float]:
        """The shortest and the longest wait after so many bad ends."""
        try:
            plain = self.delay * self.backoff ** (ends - 1)
        except OverflowError:
            plain = self.max_delay
        least = max(0.0, min(plain, self.max_delay / (1 + self.jitter)))
        return least, least * (1 + self.jitter)


class Job(Struct, gc=False):
    """A planned job, and what became of it. `failed` and `lost` count bad ends since the run began or was resumed."""

    id: str
    needs: tuple[int, ...]
    after: tuple[int, ...]
    when: str
    is_group: bool
    pools: Mapping[str, int]
    may_fail: bool
    retry: Retry
    grace: float
    matrix: str = ""  # its workflow, if the first failure of that cancels the rest
    started_at: float = 0.0  # its latest attempt
    stands: Phase = Phase.IDLE
    status: str = ""  # once it has ended
    attempt: int = 0  # the latest
    verdict: str = ""  # of that one, once it has ended
    exit_code: int | None = None
    failed: int = 0
    lost: int = 0
    not_before: float = 0.0
    spawned: bool = False
    told_to_end: bool = False  # this attempt was asked for, or sent a signal
    cancelled: bool = False  # somebody asked to cancel this very job
    forced: bool = False  # and at once
    term_at: float | None = None
    adopted: bool = False

    def reopen(self) -> None:
        """A resume: nothing that was tried counts, but the number of the latest attempt and a success."""
        self.failed = self.lost = 0
        self.told_to_end = self.cancelled = self.forced = False
        if self.status != "succeeded" and not (self.stands is Phase.UNDECIDED and self.verdict == "succeeded"):
            self.stands, self.status = Phase.IDLE, ""

    @property
    def went(self) -> str:
        """How it ended, as a predicate."""
        words = self.status.replace("_", " ")
        return f"was {words}" if words in ("lost", "skipped", "cancelled") else words

    @property
    def went_well(self) -> bool:
        """Whether its end lets those go on that need it."""
        return self.status == "succeeded" or (self.may_fail and self.status in BROKE)

    @property
    def may_be_retried(self) -> bool:
        """Whether its policy grants another attempt after the end that was counted last."""
        retry = self.retry
        if self.verdict == "lost":
            return self.lost <= EXTRA_AFTER_LOST
        granted = self.verdict in retry.on or (self.verdict == "failed" and self.exit_code in retry.on_exit)
        return granted and self.failed < retry.max_attempts


class Stop(Struct):
    """How far the run is stopped. `kills_since`: since then what runs is asked to end. `hurried_at`: since then by the
    user or the deadline. `forced`: jobs that always run are given up too."""

    on: bool = False
    kills_since: float | None = None
    hurried_at: float | None = None
    forced: bool = False

    @property
    def kills(self) -> bool:
        """Whether what runs is asked to end."""
        return self.kills_since is not None

    def covers(self, job: Job) -> bool:
        """Whether this job may not start any more."""
        return self.on and (self.forced or job.when != "always")


def jobs_of(plan: Mapping[str, Any]) -> list[Job]:
    """The jobs of a plan, as `plan.json` holds it."""
    index_of = {job["id"]: index for index, job in enumerate(plan["jobs"])}
    return [_job(job, index_of) for job in plan["jobs"]]


def _job(data: Mapping[str, Any], index_of: Mapping[str, int]) -> Job:
    return Job(
        id=data["id"],
        needs=tuple(map(index_of.__getitem__, data["needs"])),
        after=tuple(map(index_of.__getitem__, data["after"])),
        when=data["when"],
        is_group="run" not in data and "argv" not in data and "file" not in data,
        pools=data["pools"],
        may_fail=data.get("allow_failure", False),
        retry=_retry(data["retry"]) if "retry" in data else _ONCE,
        grace=data.get("grace_seconds", DEFAULT_GRACE),
        matrix=data["workflow"] if data.get("matrix_fail_fast") else "",
    )


_ONCE = Retry()


def _retry(data: Mapping[str, Any]) -> Retry:
    return Retry(
        data["max_attempts"],
        data["delay_seconds"],
        data["backoff"],
        data["max_delay_seconds"],
        data["jitter"],
        tuple(end for end in data["on"] if isinstance(end, str)),
        tuple(code for end in data["on"] if not isinstance(end, str) for code in end["exit"]),
    )
