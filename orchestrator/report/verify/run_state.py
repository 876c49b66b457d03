"""What the judge of a run knows: the plan as its file has it, and the state of each job by the events so far.

Read from the plain data of `plan.json` and not from the scheduler's classes: the judge shares the names of outcomes
with the engine, but none of its rules.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from orchestrator.engine.outcomes import FAILURE_NAMES
from orchestrator.journal.events import EventRecord
from orchestrator.report.status import STATUS_OF_EVENT

LOST_RETRIES = 2
FREE_EVICTIONS = 10
DEFAULT_GRACE = 10.0
_ARGUMENTS = ("argv", "args", "working_dir", "env", "env_prepend", "env_append")
EPSILON = 1e-6  # seconds; the precision of times in the journal


class Phase(enum.Enum):
    """The phase of a job."""

    IDLE = "idle"
    RUNNING = "running"
    AWAITING_RETRY_DECISION = "undecided"  # an attempt ended; a retry or the end of the job is next
    WAITING = "waiting"  # for its next attempt
    ENDED = "ended"


class Readiness(enum.Enum):
    """Whether the needs of a job let it run."""

    WAIT = "wait"
    OPEN = "open"
    SHUT = "shut"


class RetryRules(Struct, frozen=True):
    """The retry policy of a job; the defaults are those of a plan without one."""

    max_attempts: int = 1
    delay: float = 1.0
    backoff: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.1
    on: tuple[str, ...] = ("failed", "timed_out")
    on_exit: tuple[int, ...] = ()

    def wait(self, ends: int) -> tuple[float, float]:
        """The shortest and the longest delay after this number of bad ends."""
        try:
            plain = self.delay * self.backoff ** (ends - 1)
        except OverflowError:
            plain = self.max_delay
        least = max(0.0, min(plain, self.max_delay / (1 + self.jitter)))
        return least, least * (1 + self.jitter)


class JudgedJob(Struct, gc=False):
    """A planned job and its state. `failed` and `lost` count bad ends since the run started or was resumed."""

    id: str
    needs: tuple[int, ...]
    after: tuple[int, ...]
    when: str
    is_group: bool
    pools: Mapping[str, int]
    may_fail: bool
    retry: RetryRules
    grace: float
    has_inputs: bool = False
    workflow: str = ""
    condition: Mapping[str, Any] | None = None  # its `if`, as far as it asks for ends and values of needs
    cell: bool = False  # it is a job of a matrix
    outputs: Mapping[str, Mapping[str, Any]] = {}  # what it declares
    uses: tuple[str, ...] = ()  # values of its needs, as the plan names them
    arguments: frozenset[str] = frozenset()  # those that become parts of arguments or variables
    values: Mapping[str, str] = {}  # of its latest success
    placeholder: str = ""  # whose place it has taken
    unmet: tuple[str, ...] = ()  # the workflows among whose cells it chose some that did not come
    matrix: str = ""  # its workflow, if the first failure in it cancels the rest
    started_at: float = 0.0  # of its latest attempt
    phase: Phase = Phase.IDLE
    status: str = ""  # once it has ended
    attempt: int = 0  # the latest
    verdict: str = ""  # of the latest attempt, once it has ended
    exit_code: int | None = None
    failed: int = 0
    lost: int = 0
    evicted: int = 0  # lost attempts that do not count
    is_free: bool = False  # the latest was one
    not_before: float = 0.0
    spawned: bool = False
    end_requested: bool = False  # its attempt was requested to end, or sent a signal
    cancelled: bool = False  # a cancel of exactly this job was requested
    forced: bool = False  # and by force
    term_at: float | None = None
    adopted: bool = False
    cached: bool = False  # it was up to date
    is_kept: bool = False  # a success of before, reused or kept by a resume; what it needs may not have ended
    leads_to_failure: bool = False  # it failed without being allowed to, or was skipped because of such an end

    def cancel(self, *, force: bool) -> None:
        """A cancel of exactly this job was requested. It changes nothing once the job has ended."""
        if self.phase is Phase.ENDED:
            return
        self.cancelled = True
        self.forced |= force
        self.end_requested |= self.phase is Phase.RUNNING

    def reuse(self, event: EventRecord) -> None:
        """What it would do was done before: in an earlier run, or its result is stored. Or it was only checked."""
        self.adopted |= event["event"] == "job.adopted"
        self.cached = event["event"] == "job.cached"
        self.values = event.get("outputs", {})

    def count_lost(self, end: EventRecord) -> None:
        """An attempt has ended: if it is lost, that counts, but for the first that were evicted."""
        self.is_free = bool(end.get("evicted")) and self.evicted < FREE_EVICTIONS
        self.evicted += self.is_free
        self.lost += end["verdict"] == "lost" and not self.is_free

    def reopen(self) -> None:
        """A resume: everything starts over, except for the number of the latest attempt and a success."""
        self.failed = self.lost = self.evicted = 0
        self.end_requested = self.cancelled = self.forced = False
        if self.status != "succeeded" and not (
            self.phase is Phase.AWAITING_RETRY_DECISION and self.verdict == "succeeded"
        ):
            self.phase, self.status, self.cached = Phase.IDLE, "", False

    @property
    def phrase(self) -> str:
        """How it ended, as a predicate."""
        return STATUS_OF_EVENT[self.status].phrase

    @property
    def lets_dependents_run(self) -> bool:
        """Whether its end satisfies its dependents."""
        return self.status in ("succeeded", "left_out") or (self.may_fail and self.status in FAILURE_NAMES)

    @property
    def may_be_retried(self) -> bool:
        """Whether its policy grants another attempt after the latest bad end."""
        retry = self.retry
        if self.verdict == "lost":
            return self.is_free or self.lost <= LOST_RETRIES
        granted = self.verdict in retry.on or (self.verdict == "failed" and self.exit_code in retry.on_exit)
        return granted and self.failed < retry.max_attempts


class StopState(Struct):
    """How far the run is stopped. `kills_since`: the second since which running attempts are terminated. `hurried_at`:
    the second of the stop by the user or the deadline. `forced`: `when: always` jobs are given up too."""

    on: bool = False
    kills_since: float | None = None
    hurried_at: float | None = None
    forced: bool = False

    @property
    def kills(self) -> bool:
        """Whether running attempts are terminated."""
        return self.kills_since is not None

    def covers(self, job: JudgedJob) -> bool:
        """Whether this job may no longer start."""
        return self.on and (self.forced or job.when != "always")


def result_of(jobs: Sequence[JudgedJob], stop: StopState) -> str:
    """The result of a run with these jobs, which have ended."""
    if stop.hurried_at is not None:
        return "CANCELLED"
    if any(job.status in FAILURE_NAMES and not job.may_fail for job in jobs):
        return "FAILED"
    return "CANCELLED" if any(job.status == "cancelled" for job in jobs) else "SUCCESS"


def jobs_of(plan: Mapping[str, Any]) -> list[JudgedJob]:
    """The jobs of a plan, as `plan.json` holds it."""
    index_of = {job["id"]: index for index, job in enumerate(plan["jobs"])}
    return [_job(job, index_of) for job in plan["jobs"]]


def _job(data: Mapping[str, Any], index_of: Mapping[str, int]) -> JudgedJob:
    return JudgedJob(
        id=data["id"],
        needs=tuple(map(index_of.__getitem__, data["needs"])),
        after=tuple(map(index_of.__getitem__, data["after"])),
        when=data["when"],
        is_group="run" not in data and "argv" not in data and "file" not in data,
        pools=data["pools"],
        may_fail=data.get("allow_failure", False),
        retry=_retry(data["retry"]) if "retry" in data else _ONCE,
        grace=data.get("grace_seconds", DEFAULT_GRACE),
        has_inputs="inputs" in data,
        workflow=data["workflow"],
        condition=data.get("if"),
        cell="matrix" in data,
        outputs=data.get("outputs", {}),
        uses=tuple(data.get("needed_values", ())),
        arguments=_names_in_arguments(data) if "needed_values" in data else frozenset(),
        placeholder=data.get("expanded_from", ""),
        unmet=tuple(choice["workflow"] for choice in data.get("chosen_cells", ())),
        matrix=data["workflow"] if data.get("matrix_fail_fast") else "",
    )


_ONCE = RetryRules()


def _retry(data: Mapping[str, Any]) -> RetryRules:
    return RetryRules(
        data["max_attempts"],
        data["delay_seconds"],
        data["backoff"],
        data["max_delay_seconds"],
        data["jitter"],
        tuple(end for end in data["on"] if isinstance(end, str)),
        tuple(code for end in data["on"] if not isinstance(end, str) for code in end["exit"]),
    )


def _names_in_arguments(data: Mapping[str, Any]) -> frozenset[str]:
    """Those of the needed values of a job in `plan.json` that are parts of arguments or variables."""
    texts = json.dumps([data.get(key) for key in _ARGUMENTS], ensure_ascii=False)
    end = " " * data["late"] + "}}"
    places = {name: (f"${{{{ {name}{end}", f"${{{{ {name} | raw{end}") for name in data["needed_values"]}
    return frozenset(name for name, spellings in places.items() if any(place in texts for place in spellings))
