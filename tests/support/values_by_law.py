"""What the laws know of output values: which ones a job gets, found anew each time from everything that happened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from orchestrator.engine.states import JobState
from orchestrator.plan.condition_model import RunCondition
from orchestrator.plan.model import PlannedJob

TOO_LONG = 131_072  # bytes


class ValuesByLaw:
    """The values of all successes."""

    def __init__(self, jobs: Sequence[PlannedJob]) -> None:
        self._jobs = jobs
        self.of: dict[int, Mapping[str, str]] = {}

    def used_by(self, job: PlannedJob, ended: Mapping[int, JobState]) -> dict[str, str | None]:
        """The values that a job uses, by name; None for one that does not exist."""
        used: dict[str, str | None] = {}
        for name in job.spec.needed_values:
            reference, *filters = name.split(" | ")
            workflow, output = reference.removeprefix("needs.").split(".outputs.")
            needs = [need for need in job.needs if self._jobs[need].workflow == workflow]
            if any(self._jobs[need].run_matrix for need in needs):
                used[name] = "[]"  # it has ended without cells
                continue
            values = [self.value(need, output, ended) for need in needs]
            if not filters:
                (used[name],) = values
                continue
            types = [self._jobs[need].spec.outputs[output].type for need in needs]
            parts = [
                None if value is None else value if kind == "text" else json.loads(value)
                for value, kind in zip(values, types, strict=True)
            ]
            whole = parts if any(self._jobs[need].matrix for need in needs) else parts[0]
            used[name] = json.dumps(whole, separators=(",", ":"), ensure_ascii=False)
        return used

    def may_not_start(self, job: PlannedJob, ended: Mapping[int, JobState]) -> bool:
        """Whether a job uses a value that is missing, or too long for where it uses it."""
        used = self.used_by(job, ended)
        too_long = [name for name, value in used.items() if len((value or "").encode()) > TOO_LONG]
        passed_on = "\0".join(job.spec.argv or ())
        return None in used.values() or any(f"{{ {name} " in passed_on for name in too_long)

    def condition_holds(self, job: PlannedJob, ended: Mapping[int, JobState]) -> bool:
        """Whether the `if` of a job holds; true without one."""
        return job.condition is None or self._holds(job, job.condition, ended)

    def _holds(self, job: PlannedJob, condition: RunCondition, ended: Mapping[int, JobState]) -> bool:
        for name, expected in condition.tests.items():
            value = self._asked(job, name, ended)
            if value is None or value not in expected:  # patterns have tests of their own
                return False
        if condition.not_ is not None and self._holds(job, condition.not_, ended):
            return False
        if condition.any_ and not any(self._holds(job, one, ended) for one in condition.any_):
            return False
        return all(self._holds(job, one, ended) for one in condition.all_)

    def _asked(self, job: PlannedJob, name: str, ended: Mapping[int, JobState]) -> str | None:
        workflow, _, what = name.removeprefix("needs.").partition(".")
        needs = [need for need in job.needs if self._jobs[need].workflow == workflow]
        if what == "status":
            worst = ("lost", "timed_out", "failed", "cancelled", "skipped", "succeeded", "left_out")
            return min((ended[need].value for need in needs), key=worst.index, default="left_out")
        return self.value(needs[0], what.removeprefix("outputs."), ended) if needs else None

    def value(self, need: int, output: str, ended: Mapping[int, JobState]) -> str | None:
        if ended[need] is JobState.SUCCEEDED and output in self.of.get(need, {}):
            return self.of[need][output]
        return self._jobs[need].spec.outputs[output].default
