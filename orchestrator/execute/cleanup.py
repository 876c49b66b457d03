"""A job's cleanup: what to run, and which are pending or under way.

The end of a job's last attempt is deferred back until its cleanup has ended: so a dependent never starts before it, the
slot and the pools stay taken, and the reason of that end mentions a failed cleanup. A cleanup is not an attempt.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec

_LONGEST_GRACE = 5.0


class Deferred(Struct, frozen=True):
    """An attempt whose end is deferred back; with None for its result, the job has ended already."""

    spec: AttemptSpec
    result: AttemptResult | None


class Cleanups:
    """The cleanups of one run process."""

    def __init__(self) -> None:
        self._pending: dict[int, AttemptSpec] = {}  # job -> its latest attempt
        self._deferred: dict[int, Deferred] = {}  # serial of the cleanup -> what waits for it
        self._given_up: set[int] = set()  # serials of attempts

    def attempt_starts(self, spec: AttemptSpec) -> None:
        """The job's cleanup is pending from now on; it runs after this attempt or a later one."""
        self._pending[spec.job] = spec

    def is_pending(self, job: int) -> bool:
        """Whether the job's cleanup has yet to be run."""
        return job in self._pending

    def pending(self) -> list[AttemptSpec]:
        """The latest attempts of the jobs whose cleanups have yet to be run."""
        return list(self._pending.values())

    def begin(self, spec: AttemptSpec, result: AttemptResult | None, serial: int) -> AttemptSpec:
        """Hold back this end; the spec to run now."""
        del self._pending[spec.job]
        self._deferred[serial] = Deferred(spec, result)
        return cleanup_of(spec, serial)

    def end(self, serial: int) -> Deferred | None:
        """What waited for this cleanup; None if nothing does."""
        return self._deferred.pop(serial, None)

    def under_way(self, job: int | None) -> list[int]:
        """The serials of the cleanups of this job, or of all with None."""
        return [serial for serial, deferred in self._deferred.items() if job is None or deferred.spec.job == job]

    def give_up(self, spec: AttemptSpec) -> None:
        """The attempt is lost: nothing waits for its cleanup any more."""
        self._given_up.add(spec.serial)
        for serial in self.under_way(spec.job):
            del self._deferred[serial]

    def was_given_up(self, spec: AttemptSpec) -> bool:
        """Whether the attempt was called lost."""
        return spec.serial in self._given_up

    def result_of(self, job: int) -> AttemptResult | None:
        """How the job's attempt ended that waits for its cleanup."""
        return next((deferred.result for deferred in self._deferred.values() if deferred.spec.job == job), None)


def cleanup_of(spec: AttemptSpec, serial: int) -> AttemptSpec:
    """The cleanup of an attempt's job, to be run as an attempt is."""
    job = replace(
        spec.spec, run=spec.spec.cleanup, argv=None, file=None, args=(), blocks=(), cleanup=None, stop_signal="TERM"
    )
    ending = f".{spec.attempt}.log"  # a resume has removed the log of an earlier cleanup
    return replace(
        spec,
        serial=serial,
        spec=job,
        log=spec.log.removesuffix(ending) + ".cleanup.log",
        log_name=spec.log_name.removesuffix(ending) + ".cleanup.log",
        timeout=spec.spec.cleanup_timeout,
        grace=min(spec.grace, _LONGEST_GRACE),
    )


def with_cleanup_failure(result: AttemptResult, cleanup: AttemptResult) -> AttemptResult:
    """The result of an attempt, with the failure of its cleanup in the reason; the verdict stays."""
    if cleanup.verdict is Verdict.SUCCEEDED:
        return result
    parts = (result.reason, f"its cleanup failed: {cleanup.reason}")
    return replace(result, reason="; ".join(part for part in parts if part))
