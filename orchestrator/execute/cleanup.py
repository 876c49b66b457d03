"""A job's cleanup: what to run, and which are owed or under way.

The end of a job's last attempt is held back until its cleanup has ended: so a dependent never starts before it, the
slot and the pools are not given away, and a failed cleanup is told in the reason of that end. A cleanup is no attempt.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec

_LONGEST_GRACE = 5.0


class Held(Struct, frozen=True):
    """An attempt that ended; with None for its end, the job has ended too."""

    spec: AttemptSpec
    result: AttemptResult | None


class Cleanups:
    """The cleanups of one run process."""

    def __init__(self) -> None:
        self._owed: dict[int, AttemptSpec] = {}  # job -> its latest attempt
        self._held: dict[int, Held] = {}  # serial of the cleanup -> what waits for it

    def attempt_starts(self, spec: AttemptSpec) -> None:
        """After this attempt, or one after it, the job's cleanup is owed."""
        if spec.spec.cleanup is not None:
            self._owed[spec.job] = spec

    def is_owed(self, job: int) -> bool:
        """Whether the job's cleanup is still to be run."""
        return job in self._owed

    def owed(self) -> list[AttemptSpec]:
        """The latest attempts of the jobs whose cleanups are still to be run."""
        return list(self._owed.values())

    def begin(self, spec: AttemptSpec, result: AttemptResult | None, serial: int) -> AttemptSpec:
        """Hold back this end; what to run now."""
        del self._owed[spec.job]
        self._held[serial] = Held(spec, result)
        return cleanup_of(spec, serial)

    def end(self, serial: int) -> Held | None:
        """What waited for this cleanup; None if nothing does."""
        return self._held.pop(serial, None)

    def under_way(self, job: int | None) -> list[int]:
        """The serials of the cleanups of this job, or of all with None."""
        return [serial for serial, held in self._held.items() if job is None or held.spec.job == job]

    def forget(self, job: int) -> None:
        """The attempt was given up: nothing waits for its cleanup any more."""
        for serial in self.under_way(job):
            del self._held[serial]

    def result_of(self, job: int) -> AttemptResult | None:
        """How the job's attempt ended that waits for its cleanup."""
        return next((held.result for held in self._held.values() if held.spec.job == job), None)


def cleanup_of(spec: AttemptSpec, serial: int) -> AttemptSpec:
    """The cleanup of an attempt's job, to be run as an attempt is."""
    job = replace(spec.spec, run=spec.spec.cleanup, argv=None, file=None, args=(), blocks=(), cleanup=None)
    ending = f".{spec.attempt}.log"  # a resume has taken away what an earlier cleanup of the job printed
    return replace(
        spec,
        serial=serial,
        spec=job,
        log=spec.log.removesuffix(ending) + ".cleanup.log",
        log_name=spec.log_name.removesuffix(ending) + ".cleanup.log",
        timeout=spec.spec.cleanup_timeout,
        grace=min(spec.grace, _LONGEST_GRACE),
    )


def told(result: AttemptResult, cleanup: AttemptResult) -> AttemptResult:
    """An attempt's end with what its cleanup adds to the reason; the verdict stays."""
    if cleanup.verdict is Verdict.SUCCEEDED:
        return result
    parts = (result.reason, f"its cleanup failed: {cleanup.reason}")
    return replace(result, reason="; ".join(part for part in parts if part))
