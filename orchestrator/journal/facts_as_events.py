"""Facts and consequences of the engine as fields of events, and facts from events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    Consequence,
    Fact,
    JobAdopted,
    JobCached,
    JobFinished,
    JobMustRun,
    KillSent,
    MatrixExpanded,
    RetryScheduled,
    RunResumed,
    RunStarted,
)
from orchestrator.engine.states import TERMINAL, CancelReason, Verdict
from orchestrator.journal.events import EARLY_SKIPS, EventRecord, JsonDict
from orchestrator.plan.cells import Cell
from orchestrator.plan.grown_plan import Grown

# `.value` of an enum is two calls in Python.
_VERDICTS = {verdict: verdict.value for verdict in Verdict}
_STATUSES = {state: state.value for state in TERMINAL}


def fact_to_fields(fact: Fact, ids: Sequence[str]) -> tuple[str, JsonDict]:
    """The event of a fact and the fields that the engine knows; `ids[job]` is the id of a job.

    The caller adds the rest: all fields of `run.started` and `run.resumed`, `from_run`, of `attempt.finished` the
    measurements and the log, and what a check found.
    """
    match fact:
        case AttemptStarted(_, job, attempt):
            return "attempt.started", {"job": ids[job], "attempt": attempt}
        case AttemptFinished(_, job, attempt, verdict, exit_code, signal, reason, outputs, evicted):
            fields = {
                "job": ids[job],
                "attempt": attempt,
                "verdict": _VERDICTS[verdict],
                "exit_code": exit_code,
                "signal": signal,
                "reason": reason,
            }
            if evicted:
                fields["evicted"] = True
            return "attempt.finished", {**fields, "outputs": outputs} if outputs else fields
        case KillSent(_, job, attempt, force):
            return "kill.sent", {"job": ids[job], "attempt": attempt, "force": force}
        case CancelRequested(_, reason, force, maybe):
            job_id = None if maybe is None else ids[maybe]
            return "cancel.requested", {"reason": reason.value, "force": force, "job": job_id}
        case JobAdopted(_, job, outputs):
            return "job.adopted", {"job": ids[job], "outputs": outputs} if outputs else {"job": ids[job]}
        case JobCached(_, job, outputs):
            return "job.cached", {"job": ids[job], "outputs": outputs} if outputs else {"job": ids[job]}
        case JobMustRun(_, job):
            return "job.must_run", {"job": ids[job]}
        case RunStarted():
            return "run.started", {}
        case RunResumed():
            return "run.resumed", {}
        case _:
            assert_never(fact)


def consequence_to_fields(consequence: Consequence, ids: Sequence[str]) -> tuple[str, JsonDict]:
    """The event of a consequence, and its fields; `ids[job]` is the id of a job."""
    match consequence:
        case JobFinished(job, status, reason, attempts, allowed, placeholder):
            fields = {
                "job": ids[job],
                "status": _STATUSES[status],
                "reason": reason,
                "attempts": attempts,
                "allowed": allowed,
            }
            return "job.finished", {**fields, "placeholder": True} if placeholder else fields
        case RetryScheduled(job, attempt, not_before, reason):
            return "retry.scheduled", {
                "job": ids[job],
                "attempt": attempt,
                "not_before": not_before,
                "reason": reason,
            }
        case MatrixExpanded(job, workflow, cells):
            made = [{"id": f"{workflow}[{cell.label}]", "values": dict(cell.values)} for cell in cells]
            return "matrix.expanded", {"job": ids[job], "placeholder": True, "workflow": workflow, "cells": made}
        case _:
            assert_never(consequence)


def grown_from_event(event: EventRecord) -> Grown:
    """What a placeholder has become, by `matrix.expanded`."""
    workflow = event["workflow"]
    cells = (Cell(one["values"], one["id"].removeprefix(f"{workflow}[")[:-1]) for one in event["cells"])
    return Grown(workflow, tuple(cells))


def fact_from_event(event: EventRecord, index_of: Mapping[str, int]) -> Fact | None:
    """The fact in a record of the journal; None for consequences and remarks.

    Raises KeyError for a job that is not in the plan.
    """
    at = event["at"]
    match event["event"]:
        case "attempt.started":
            return AttemptStarted(at, index_of[event["job"]], event["attempt"])
        case "attempt.finished":
            return AttemptFinished(
                at,
                index_of[event["job"]],
                event["attempt"],
                Verdict(event["verdict"]),
                event["exit_code"],
                event["signal"],
                event["reason"],
                event.get("outputs", {}),
                event.get("evicted", False),
            )
        case "kill.sent":
            return KillSent(at, index_of[event["job"]], event["attempt"], event["force"])
        case "cancel.requested":
            job = event["job"]
            return CancelRequested(
                at, CancelReason(event["reason"]), event["force"], None if job is None else index_of[job]
            )
        case "job.adopted":
            return JobAdopted(at, index_of[event["job"]], event.get("outputs", {}))
        case "job.cached":
            return JobCached(at, index_of[event["job"]], event.get("outputs", {}))
        case "job.must_run":
            return JobMustRun(at, index_of[event["job"]])
        case "run.started":
            return RunStarted(at, early_skips=event["version"].startswith(EARLY_SKIPS))
        case "run.resumed":
            return RunResumed(at)
        case _:
            return None
