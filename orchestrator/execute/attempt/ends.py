"""The end of an attempt, as the engine and the journal know it."""

from __future__ import annotations

from typing import Any

from orchestrator.engine.facts import AttemptFinished
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec


def end_of(spec: AttemptSpec, result: AttemptResult, at: float) -> AttemptFinished:
    """The fact that an attempt ended so."""
    return AttemptFinished(
        at,
        spec.job,
        spec.attempt,
        result.verdict,
        result.exit_code,
        result.signal,
        result.reason,
        result.outputs,
        result.evicted,
    )


def usage_fields(result: AttemptResult, log_name: str) -> dict[str, Any]:
    """What the journal holds of an attempt's end besides the fact. Seconds and bytes."""
    undeclared = {"undeclared_outputs": result.undeclared_outputs} if result.undeclared_outputs else {}
    return undeclared | {
        "duration_seconds": round(result.duration_seconds, 6),
        "cpu_seconds": round(result.cpu_seconds, 6),
        "max_rss_bytes": result.max_rss_bytes,
        "log": log_name,
        "log_bytes": result.log_bytes,
        "dropped_bytes": result.dropped_bytes,
        "leftover_killed": result.leftover_killed,
        "enforced_by": result.enforced_by,
    }


def late_fields(spec: AttemptSpec, result: AttemptResult) -> dict[str, Any] | None:
    """What the journal holds of a result that comes after its attempt was called lost; None for one that says no more
    than that."""
    if result.verdict is Verdict.LOST:
        return None
    return {
        "job": spec.job_id,
        "attempt": spec.attempt,
        "verdict": result.verdict.value,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "reason": result.reason,
        "duration_seconds": round(result.duration_seconds, 6),
        "host": spec.place.host,
        "worker": spec.place.worker,
    }
