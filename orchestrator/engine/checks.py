"""The ready jobs that may be up to date: each is checked first, and only then queued for a slot.

A check takes no slot and no pool. It ends with `JobCached` or `JobMustRun`; until then the job is ready, so that
whatever stops the run cancels it as it would any job that has not started.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from orchestrator.engine.commands import NO_VALUES, Check
from orchestrator.engine.job_table import JobTable
from orchestrator.engine.output_values import OutputValues
from orchestrator.engine.states import JobState
from orchestrator.plan.model import Plan, When

UP_TO_DATE = "up to date"  # the reason of a job that did not have to run
AT_ONCE = (
    256  # number of checks that are commanded at a time; after so many that are answered at once, others get a turn
)


class Checks:
    """The jobs whose check is due or under way, oldest first."""

    __slots__ = ("_jobs", "_may_be_up_to_date", "_table", "_values", "waiting")

    def __init__(self, plan: Plan, table: JobTable, values: OutputValues) -> None:
        self._jobs = plan.jobs
        self._table = table
        self._values = values
        self._may_be_up_to_date = frozenset(
            job.index
            for job in plan.jobs
            if job.spec.inputs is not None
            and (job.spec.cache or job.spec.reads == "declared")
            and job.when is not When.FAILURE
            and job.run_matrix is None
        )
        self.waiting: dict[int, Check] = {}

    def begin(self, job: int) -> bool:
        """A job has become ready: whether it has to be checked before it is queued.

        One of whose needs did not succeed always runs: what it would be compared with was made by other means."""
        if job not in self._may_be_up_to_date or not self._needs_succeeded(job):
            return False
        # Its needs have ended, so that their values do not change any more.
        values = self._values.needed_by(job) if self._jobs[job].spec.needed_values else NO_VALUES
        self.waiting[job] = Check(job, values)
        return True

    def forget(self, job: int) -> None:
        """The job was checked, or will not be."""
        self.waiting.pop(job, None)

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
        """Whether all needs succeeded; those of a group, or of a job that was left out, take its place.

        Never behind a matrix whose jobs are known at run time only: what they made is not compared."""
        to_visit = list(self._jobs[job].needs)
        while to_visit:
            need = to_visit.pop()
            is_left_out = self._table.states[need] is JobState.LEFT_OUT
            if not is_left_out and self._table.states[need] is not JobState.SUCCEEDED:
                return False
            if self._jobs[need].run_matrix is not None:
                return False
            if is_left_out or self._jobs[need].spec.is_group:
                to_visit += self._jobs[need].needs
        return True
