"""The seam between the driver and what finds out whether jobs are up to date, and stores what they made.

Everything here that takes time happens in threads of the cache; the answers come to the driver's inbox. Only what takes
no more than a look at a few files is answered at once. The driver never waits for an answer: a job that is being
checked can be cancelled, an attempt that is being stored can be terminated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from orchestrator.engine.commands import Check
from orchestrator.engine.job_table import JobTable
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec

Remark = tuple[str, str]
"""What is not as it should be, and why: the fields of a `degraded` event."""


class CheckResult(Struct, frozen=True):
    """What a check found: the job is up to date if `cached` is set, by the result of `from_run`, which made this many
    `files` and these output values; else it must run `because` of this. `fingerprint` is empty if it could not be
    taken. `log` is the log of that result, in the run directory."""

    fingerprint: str = ""
    cached: Literal["kept", "restored"] | None = None
    from_run: str = ""
    outputs: Mapping[str, str] = {}
    files: int = 0
    log: str = ""
    log_bytes: int = 0
    because: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def fields(self) -> dict[str, Any]:
        """What its event holds besides the job."""
        if self.cached is None:
            return {"fingerprint": self.fingerprint, "because": list(self.because)}
        return {
            "fingerprint": self.fingerprint,
            "cached": self.cached,
            "from_run": self.from_run,
            "files": self.files,
            "log": self.log,
            "log_bytes": self.log_bytes,
        }


class Checked(Struct, frozen=True):
    """A check has ended."""

    job: int
    result: CheckResult


class Collected(Struct, frozen=True):
    """The files of a successful attempt were looked for, and stored; without them it failed."""

    spec: AttemptSpec
    result: AttemptResult
    remarks: tuple[Remark, ...] = ()


class JobCache(Protocol):
    """All methods return at once, and are called by the driver's thread."""

    def check(
        self, command: Check, table: JobTable, values_of: Callable[[int], Mapping[str, str]]
    ) -> CheckResult | None:
        """Find out whether a job is up to date, and if it can be made so, do it; `Checked` follows, unless this is
        answered at once. `table` has the states of other jobs, `values_of` are their output values; neither is used
        later."""

    def refusal(self, job: int) -> str:
        """Why the job cannot start, by its check; empty if it can."""

    def attempt_starts(self, job: int) -> Sequence[Remark]:
        """An attempt of this job is about to be started."""

    def collect(self, spec: AttemptSpec, result: AttemptResult) -> bool:
        """Look for the files of an attempt that succeeded, and store them; `Collected` follows. False if there is
        nothing to look for, and nothing follows."""

    def hurry(self, job: int) -> None:
        """What is under way for this job is not wanted any more: let it end as soon as it can."""

    def release(self, job: int) -> None:
        """The job has ended."""

    def close(self) -> None:
        """The run has ended. What is still under way is abandoned."""
