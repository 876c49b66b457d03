"""The rules about output values: a job that uses one that does not exist, or is too long, fails without an attempt."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.report.verify.run_state import JudgedJob

TOO_LONG = 128 * 1024  # bytes of an argument or a variable


class OutputRules:
    """What each job wrote, by the journal, and what it uses of its needs, by the plan."""

    def __init__(self, jobs: Sequence[JudgedJob]) -> None:
        self._jobs = jobs

    def may_not_start(self, job: JudgedJob) -> bool:
        """Whether a value that a job uses is missing or too long, now that its needs have ended."""
        return any(self._is_unusable(job, name) for name in job.uses)

    def violation_at_success(self, job: JudgedJob) -> str:
        """What is wrong with the values of a success; empty if nothing is."""
        unknown = [name for name in job.values if name not in job.outputs]
        if unknown:
            return f"`{job.id}` has the output `{unknown[0]}`, which it does not declare"
        missing = [name for name in job.outputs if name not in job.values]
        return f"`{job.id}` succeeded without its output `{missing[0]}`" if missing else ""

    def value(self, need: JudgedJob, output: str) -> str | None:
        """A value of a job that has ended; None if there is none."""
        if need.status == "succeeded" and output in need.values:
            return need.values[output]
        default: str | None = need.outputs.get(output, {}).get("default")
        return default

    def _is_unusable(self, job: JudgedJob, name: str) -> bool:
        reference, _, filtered = name.partition(" | ")
        workflow, _, output = reference.removeprefix("needs.").rpartition(".outputs.")
        needs = [self._jobs[index] for index in job.needs if self._jobs[index].workflow == workflow]
        values = [self.value(need, output) for need in needs]
        if not filtered and values[0] is None:
            return True
        texts = [
            "null"
            if value is None
            else json.dumps(value, ensure_ascii=False)
            if filtered and _is_text(need, output)
            else value
            for need, value in zip(needs, values, strict=True)
        ]
        whole = f"[{','.join(texts)}]" if filtered and needs[0].cell else texts[0]
        return len(whole.encode()) > TOO_LONG and name in job.arguments


def _is_text(need: JudgedJob, output: str) -> bool:
    return bool(need.outputs.get(output, {}).get("type", "text") == "text")
