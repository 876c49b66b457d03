"""The rules about jobs that are up to date: who may be, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.journal.events import EventRecord
from orchestrator.report.verify.need_rules import NeedRules
from orchestrator.report.verify.run_state import JudgedJob, Phase, Readiness, StopState

_NEVER = {"force": "runs everything (`--force`)", "off": "uses no stored results (`--no-cache`)"}


class CheckRules:
    """`begin` says how the run was started."""

    def __init__(self) -> None:
        self._mode = ""

    def begin(self, invocation: Mapping[str, Any]) -> None:
        """The run was started with these options."""
        self._mode = invocation.get("cache", "")

    def violation(self, job: JudgedJob, event: EventRecord, need_rules: NeedRules, stop: StopState) -> str | None:
        """Why this job cannot be up to date, or does not have to be checked, now."""
        is_cached = event["event"] == "job.cached"
        name = f"`{job.id}` is {'up to date' if is_cached else 'checked'}"
        if not job.has_inputs:
            return f"{name}, but has no inputs"
        if job.phase is not Phase.IDLE:
            return f"{name} after attempt {job.attempt}" if job.attempt else f"{name} after it {job.phrase}"
        gate, others = need_rules.gate(job)
        if gate is Readiness.WAIT:
            return f"{name} before its need `{others[0].id}` has ended"
        if gate is Readiness.SHUT or any(need.status not in _DONE for need in need_rules.needs_of(job)):
            return f"{name} although a need of it did not succeed"
        if stop.covers(job):
            return f"{name} while the run is stopping"
        if is_cached and self._mode in _NEVER:
            return f"{name}, but the run {_NEVER[self._mode]}"
        return None


_DONE = ("succeeded",)
