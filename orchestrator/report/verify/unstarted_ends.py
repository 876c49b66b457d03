"""The rules about jobs that end without an attempt: skipped, left out, cancelled, or failed for lack of a value."""

from __future__ import annotations

from orchestrator.report.verify.condition_rules import ConditionRules
from orchestrator.report.verify.growth_rules import GrowthRules
from orchestrator.report.verify.need_rules import NeedRules
from orchestrator.report.verify.output_rules import OutputRules
from orchestrator.report.verify.rules import Rule
from orchestrator.report.verify.run_state import JudgedJob, Phase, Readiness, StopState

Found = tuple[Rule, str] | None
"""A violation: the rule, and what is wrong, as the end of a sentence about the job."""


class UnstartedEnds:
    """Judges the ends of jobs by the other rules. A job that has begun is judged by its attempts."""

    def __init__(self, needs: NeedRules, conditions: ConditionRules, outputs: OutputRules, growth: GrowthRules) -> None:
        self._growth = growth
        self._needs = needs
        self._conditions = conditions
        self._outputs = outputs

    def skipped(self, job: JudgedJob, reason: str) -> Found:
        """A job was skipped for this reason."""
        gate, others = self._needs.gate(job)
        if job.phase is not Phase.IDLE:
            return Rule.SKIP, f"is skipped after attempt {job.attempt}"
        if gate is Readiness.WAIT:
            return Rule.SKIP, f"is skipped before its need `{others[0].id}` has ended"
        if gate is not Readiness.SHUT:
            return Rule.SKIP, "is skipped, but its needs do not cause that"
        if others and not any(f"`{name}`" in reason for other in others for name in (other.id, other.placeholder)):
            return Rule.SKIP, f"is skipped with a reason that names no need: {reason}"
        return None

    def left_out(self, job: JudgedJob) -> Found:
        """A job was left out."""
        gate, others = self._needs.gate(job)
        if job.phase is not Phase.IDLE:
            return Rule.CONDITION, f"is left out after attempt {job.attempt}"
        if job.condition is None and not self._growth.is_empty(job):
            return Rule.CONDITION, "is left out, but it has no `if` that is decided during the run"
        if gate is Readiness.WAIT:
            return Rule.CONDITION, f"is left out before its need `{others[0].id}` has ended"
        if gate is Readiness.SHUT:
            return Rule.SKIP, "is left out, but by its needs it is skipped"
        if self._conditions.holds(job) and not self._growth.is_empty(job):
            return Rule.CONDITION, "is left out, but its `if` holds"
        return None

    def cancelled(self, job: JudgedJob, stop: StopState) -> Found:
        """A job was cancelled that was not running."""
        if not job.cancelled and not stop.covers(job):
            return Rule.CANCEL, "is cancelled, but nothing requested it"
        if left := [] if self._needs.decides_early else self._needs.unfinished(job):
            return Rule.CANCEL, f"is cancelled before its need `{left[0].id}` has ended"
        if job.cancelled:
            return None
        if self._needs.gate(job)[0] is Readiness.SHUT:
            return Rule.SKIP, "is cancelled, but by its needs it is skipped"
        if job.phase is Phase.IDLE and not self._conditions.holds(job):
            return Rule.CONDITION, "is cancelled, but by its `if` it is left out"
        return None

    def failed(self, job: JudgedJob, stop: StopState) -> Found:
        """A job failed before its start; whether its needs let it run is judged elsewhere."""
        if stop.covers(job):
            return Rule.CANCEL, "fails before its start, but the run is being stopped"
        if not (self._outputs.may_not_start(job) or self._growth.may_fail(job)):
            return Rule.OUTPUTS, "fails before its start, but every value that it uses exists"
        return None
