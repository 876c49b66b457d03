"""The rules about needs: whether those of a job have ended, and whether they let it run.

Runs of version 0.1 followed other rules: the first bad need of a `when: success` job skipped it at once, a job that had
not started was cancelled at once, and a skipped need was never a failure.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.engine.outcomes import FAILURE_NAMES
from orchestrator.report.verify.run_state import JudgedJob, Phase, Readiness


class NeedRules:
    """`decides_early`: the run follows the rules of version 0.1."""

    def __init__(self, jobs: Sequence[JudgedJob]) -> None:
        self._jobs = jobs
        self.decides_early = False

    def begin(self, version: str) -> None:
        """The run was started by this version, whose rules it keeps also when another one resumes it."""
        self.decides_early = version.startswith("0.1.")

    def resume(self) -> None:
        """Successes are kept; what they need may run again."""
        for job in self._jobs:
            job.is_kept = job.status == "succeeded" and bool(job.needs)

    def ended(self, job: JudgedJob) -> None:
        """A job has ended; its status is known."""
        job.is_kept = job.adopted and bool(job.needs)
        job.leads_to_failure = job.status in FAILURE_NAMES and not job.may_fail
        if job.status == "skipped" and not self.decides_early:
            job.leads_to_failure = any(self._jobs[need].leads_to_failure for need in job.needs)

    def gate(self, job: JudgedJob) -> tuple[Readiness, list[JudgedJob]]:
        """Whether its needs let a job run, and the needs that it waits for, or that prevent it."""
        jobs = self._jobs
        for index in job.needs:  # fast path: nearly always all of them succeeded
            if jobs[index].status != "succeeded" or jobs[index].phase is not Phase.ENDED or jobs[index].is_kept:
                break
        else:
            if job.when != "failure":
                return Readiness.OPEN, []
        bad = [need for need in self._ended_needs(job) if not need.lets_dependents_run]
        if self.decides_early and job.when == "success" and bad:
            return Readiness.SHUT, bad
        if left := self.unfinished(job):
            return Readiness.WAIT, left
        if job.when == "success" and bad:
            return Readiness.SHUT, bad
        if job.when == "failure" and not any(need.leads_to_failure for need in bad):
            return Readiness.SHUT, []
        return Readiness.OPEN, []

    def needs_of(self, job: JudgedJob) -> list[JudgedJob]:
        """What a job needs."""
        return [self._jobs[index] for index in job.needs]

    def unfinished(self, job: JudgedJob) -> list[JudgedJob]:
        """The needs that have not ended, or behind which something has not."""
        return [self._jobs[index] for index in job.needs if not self._has_settled(self._jobs[index])]

    def _ended_needs(self, job: JudgedJob) -> list[JudgedJob]:
        return [self._jobs[index] for index in job.needs if self._jobs[index].phase is Phase.ENDED]

    def _has_settled(self, job: JudgedJob) -> bool:
        """Whether a job has ended, and everything upstream of it too. Only a success that was kept from before can have
        ended without that."""
        passed: dict[str, JudgedJob] = {}
        to_visit = [job]
        while to_visit:
            one = to_visit.pop()
            if one.phase is not Phase.ENDED:
                return False
            if one.is_kept and one.id not in passed and not self.decides_early:
                passed[one.id] = one
                to_visit.extend(self._jobs[index] for index in one.needs)
        for one in passed.values():
            one.is_kept = False
        return True
