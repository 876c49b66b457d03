"""The rules about jobs that are up to date: who may be, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.journal.events import EventRecord
from orchestrator.report.verify.need_rules import NeedRules
from orchestrator.report.verify.rules import Rule
from orchestrator.report.verify.run_state import JudgedJob, Phase, Readiness, StopState

_NEVER = {"force": "runs everything (`--force`)", "off": "uses no stored results (`--no-cache`)"}


class CheckRules:
    """`begin` says how the run was started."""

    def __init__(self) -> None:
        self._mode = ""

    def begin(self, invocation: Mapping[str, Any]) -> None:
        """The run was started with these options."""
        self._mode = invocation.get("cache", "")

    def violation(
        self, job: JudgedJob, event: EventRecord, need_rules: NeedRules, stop: StopState
    ) -> tuple[Rule, str] | None:
        """Why this job cannot be up to date, or does not have to be checked, now."""
        why = self._reason(job, need_rules, stop)
        is_cached = event["event"] == "job.cached"
        if not why and is_cached and self._mode in _NEVER:
            why = f", but the run {_NEVER[self._mode]}"
        return (Rule.UP_TO_DATE, f"is {'up to date' if is_cached else 'checked'}{why}") if why else None

    def _reason(self, job: JudgedJob, need_rules: NeedRules, stop: StopState) -> str:
        if not job.has_inputs:
            return ", but has no inputs"
        if job.phase is not Phase.IDLE:
            return f" after attempt {job.attempt}" if job.attempt else f" after it {job.phrase}"
        gate, others = need_rules.gate(job)
        if gate is Readiness.WAIT:
            return f" before its need `{others[0].id}` has ended"
        if gate is Readiness.SHUT or any(need.status not in _DONE for need in need_rules.needs_of(job)):
            return " although a need of it did not succeed"
        return " while the run is stopping" if stop.covers(job) else ""


_DONE = ("succeeded", "left_out")
