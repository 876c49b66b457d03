"""The ready jobs that may be up to date: each is checked first, and only then queued for a slot.

A check takes no slot and no pool. It ends with `JobCached` or `JobMustRun`; until then the job is ready, so that
whatever stops the run cancels it as it would any job that has not started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from orchestrator.engine.commands import NO_VALUES, Check
from orchestrator.engine.job_table import JobTable
from orchestrator.engine.output_values import OutputValues
from orchestrator.engine.states import JobState
from orchestrator.plan.model import PlannedJob, When

UP_TO_DATE = "up to date"  # the reason of a job that did not have to run
STAND_FOR_NEEDS = frozenset({JobState.LEFT_OUT, JobState.EXPANDED})  # what such a job needs takes its place
AT_ONCE = (
    256  # number of checks that are commanded at a time; after as many that are answered at once, others get a turn
)


class Checks:
    """The jobs whose check is due or under way, oldest first."""

    __slots__ = ("_groups", "_jobs", "_table", "_values", "waiting")

    def __init__(self, table: JobTable, values: OutputValues) -> None:
        self._jobs = table.jobs
        self._table = table
        self._values = values
        self._groups = frozenset(job.index for job in table.jobs if job.spec.is_group)
        self.waiting: dict[int, Check] = {}
        """Without those that were checked, or will not be: who decides that takes them out."""

    def begin(self, job: int) -> bool:
        """A job has become ready: whether it has to be checked before it is queued.

        One of whose needs did not succeed always runs: what it would be compared with was made by other means."""
        if not may_be_up_to_date(self._jobs[job]) or not self._needs_succeeded(job):
            return False
        # Its needs have ended, so that their values do not change any more.
        values = self._values.needed_by(job) if self._jobs[job].spec.needed_values else NO_VALUES
        self.waiting[job] = Check(job, values)
        return True

    def commands(self) -> list[Check]:
        """The checks to begin, or that are under way already."""
        return list(islice(self.waiting.values(), AT_ONCE))

    def clear(self) -> None:
        """Nothing is under way any more."""
        self.waiting.clear()

    def __iter__(self) -> Iterator[int]:
        return iter(self.waiting)

    def snapshot(self) -> tuple[object, ...]:
        """Everything that a replay must reproduce."""
        return tuple(self.waiting)

    def _needs_succeeded(self, job: int) -> bool:
        """Whether all needs succeeded; what a group, a placeholder or a job left out needs takes its place."""
        states, groups, needs = self._table.states, self._groups, self._jobs[job].needs
        for need in needs:
            if states[need] is not JobState.SUCCEEDED or need in groups:
                return self._all_succeeded(needs)
        return True

    def _all_succeeded(self, needs: Iterable[int]) -> bool:
        to_visit = list(needs)
        while to_visit:
            need = to_visit.pop()
            stands_for_needs = self._table.states[need] in STAND_FOR_NEEDS
            if not stands_for_needs and self._table.states[need] is not JobState.SUCCEEDED:
                return False
            if stands_for_needs or self._jobs[need].spec.is_group:
                to_visit += self._jobs[need].needs
        return True


def may_be_up_to_date(job: PlannedJob) -> bool:
    """Whether a job is checked before it runs, if its needs succeeded."""
    spec = job.spec
    return spec.inputs is not None and (spec.cache or spec.reads == "declared") and job.when is not When.FAILURE
