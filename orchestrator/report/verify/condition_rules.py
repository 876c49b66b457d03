"""The rules about conditions that are decided during the run, evaluated from `plan.json` and the events so far."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.report.verify.output_rules import OutputRules
from orchestrator.report.verify.run_state import JudgedJob

# Of several jobs the first of these counts.
_WORST = ("lost", "timed_out", "failed", "cancelled", "skipped", "succeeded", "left_out")
_OUTPUT = re.compile(r"needs\.(.+)\.outputs\.([^.]+)")
_STATUS = re.compile(r"needs\.(.+)\.status")


class ConditionRules:
    """Evaluates conditions; the values are those that `outputs` knows."""

    def __init__(self, jobs: Sequence[JudgedJob], outputs: OutputRules) -> None:
        self._jobs = jobs
        self._outputs = outputs

    def holds(self, job: JudgedJob) -> bool:
        """Whether the condition of a job holds, now that its needs have ended; true without one."""
        return job.condition is None or self._holds(job, job.condition)

    def _holds(self, job: JudgedJob, condition: Mapping[str, Any]) -> bool:
        for name, expected in condition.get("tests", {}).items():
            value = self._value(job, name)
            if value is None or not any(_fits(value, one) for one in expected):
                return False
        if "not" in condition and self._holds(job, condition["not"]):
            return False
        if "any" in condition and not any(self._holds(job, one) for one in condition["any"]):
            return False
        return all(self._holds(job, one) for one in condition.get("all", ()))

    def _value(self, job: JudgedJob, name: str) -> str | None:
        output = _OUTPUT.fullmatch(name)
        if output is not None:
            found = self._needs(job, output[1])
            return self._outputs.value(found[0], output[2]) if found else None
        status = _STATUS.fullmatch(name)
        ends = {need.status for need in self._needs(job, status[1])} if status is not None else set()
        return next((end for end in _WORST if end in ends), "left_out")

    def _needs(self, job: JudgedJob, workflow: str) -> list[JudgedJob]:
        return [self._jobs[index] for index in job.needs if self._jobs[index].workflow == workflow]


def _fits(value: str, expected: str | Mapping[str, str]) -> bool:
    """Whether a text is the expected one, or matches a pattern of literal text, `*` and `?`."""
    if isinstance(expected, str):
        return value == expected
    pattern = expected["glob"]
    # Without backtracking: where the pattern has a star, remember the place, and take one character more if need be.
    at = place = 0
    star = mark = -1
    while at < len(value):
        if place < len(pattern) and pattern[place] == "*":
            star, mark = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", value[at]):
            at += 1
            place += 1
        elif star >= 0:
            mark += 1
            at, place = mark, star + 1
        else:
            return False
    return not pattern[place:].strip("*")
