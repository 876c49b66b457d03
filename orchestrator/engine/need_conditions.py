"""The conditions of jobs that ask for the ends and the values of their needs: decided when these have ended."""

from __future__ import annotations

from orchestrator.engine.job_table import JobTable
from orchestrator.engine.output_values import OutputValues
from orchestrator.engine.states import JobState
from orchestrator.plan.condition_model import RunCondition

# Of several jobs the worst end counts, the first of these. So one is left out only if all are.
WORST_FIRST = (
    JobState.LOST,
    JobState.TIMED_OUT,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.SKIPPED,
    JobState.SUCCEEDED,
    JobState.LEFT_OUT,
)


class NeedConditions:
    """Decides conditions by the states and values of needs, which have ended."""

    __slots__ = ("_jobs", "_table", "_values")

    def __init__(self, table: JobTable, values: OutputValues) -> None:
        self._jobs = table.jobs
        self._table = table
        self._values = values

    def why_left_out(self, job: int, condition: RunCondition) -> str:
        """Why the condition of a job does not hold; empty if it does."""
        from orchestrator.plan.run_conditions import holds, why_not  # late: most runs have no such condition

        def value_of(name: str) -> str | None:
            return self._value(job, name)

        return "" if holds(condition, value_of) else why_not(condition, value_of)

    def _value(self, job: int, name: str) -> str | None:
        """The value of a test. A need that is not in the run was left out of it."""
        from orchestrator.plan.run_conditions import split_test

        workflow, output = split_test(name)
        if output:
            return self._values.value_for(job, workflow, output)
        ends = {self._table.states[need] for need in self._values.needs_of(job, workflow)}
        return next((state for state in WORST_FIRST if state in ends), JobState.LEFT_OUT).value
