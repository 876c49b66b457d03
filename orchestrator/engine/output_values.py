"""The output values of jobs that succeeded, and what a job gets of those that it needs."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.engine.job_table import JobTable
from orchestrator.engine.states import JobState

LONGEST_PASSED_ON = 128 * 1024  # bytes; Linux takes no longer argument or variable


class OutputValues:
    """The values of each job that has any, by the names of its outputs.

    What reads the names of values is imported late: most runs use none, and every run imports the engine."""

    __slots__ = ("_jobs", "_table", "_values_of")

    def __init__(self, table: JobTable) -> None:
        self._jobs = table.jobs
        self._table = table
        self._values_of: dict[int, Mapping[str, str]] = {}

    def keep(self, job: int, values: Mapping[str, str]) -> None:
        """A job succeeded with these values."""
        if values:
            self._values_of[job] = values

    def of(self, job: int) -> Mapping[str, str]:
        """The values of a job that succeeded; none of any other."""
        return self._values_of.get(job, {})

    def value_of(self, need: int, output: str) -> str | None:
        """A value of a job that has ended: that which it wrote, else the default, else None."""
        value = self.of(need).get(output)
        return self._jobs[need].spec.outputs[output].default if value is None else value

    def needed_by(self, job: int) -> dict[str, str]:
        """The values that a job uses, as its spec names them. All of them exist."""
        texts = {name: self._text(job, name) for name in self._jobs[job].spec.needed_values}
        return {name: text for name, text in texts.items() if text is not None}

    def why_unusable(self, job: int) -> str:
        """Why a job cannot be started, whose needs have ended: a value that it uses does not exist, or is too long.
        Empty if it can."""
        from orchestrator.plan.late_values import is_passed_on, split_name

        spec = self._jobs[job].spec
        for name in spec.needed_values:
            text = self._text(job, name)
            workflow, output, _ = split_name(name)
            if text is None:
                phrases = (self._table.outcome_phrase(need) for need in self.needs_of(job, workflow))
                return f"the output `{output}` that it uses has no value: {next(phrases)}"
            if len(text) > LONGEST_PASSED_ON // 4 and is_passed_on(spec, name):
                size = len(text.encode())
                if size > LONGEST_PASSED_ON:
                    what = f"the output `{output}` of `{workflow}`"
                    return f"{what} is too long for an argument or a variable: {size:,} bytes"
        return ""

    def snapshot(self) -> tuple[object, ...]:
        """Everything that a replay must reproduce."""
        return tuple((job, tuple(sorted(values.items()))) for job, values in sorted(self._values_of.items()))

    def _text(self, job: int, name: str) -> str | None:
        """The text of a value that a job uses; None if it does not exist."""
        from orchestrator.plan.late_values import split_name
        from orchestrator.plan.output_text import json_array, json_text

        workflow, output, as_json = split_name(name)
        needs = self.needs_of(job, workflow)
        if not as_json:
            return self.value_of(needs[0], output)
        texts = [json_text(self.value_of(need, output), self._jobs[need].spec.outputs[output]) for need in needs]
        if self._jobs[needs[0]].run_matrix is not None:
            return json_array(())  # it has ended without cells
        return json_array(texts) if self._jobs[needs[0]].matrix else texts[0]

    def value_for(self, job: int, workflow: str, output: str) -> str | None:
        """A value of a workflow that this job needs, which has one job; None if that job is not in the run."""
        needs = self.needs_of(job, workflow)
        return self.value_of(needs[0], output) if needs else None

    def needs_of(self, job: int, workflow: str) -> list[int]:
        """Its needs among the jobs of a workflow, with the cells of a placeholder in its place."""
        needs = [need for need in self._jobs[job].needs if self._jobs[need].workflow == workflow]
        if len(needs) == 1 and self._table.states[needs[0]] is JobState.EXPANDED:
            return list(self._jobs[needs[0]].needs)
        return needs
