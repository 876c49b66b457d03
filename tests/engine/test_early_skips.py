"""Journals of version 0.1 are replayed by its rules, whatever the rules are today."""

from __future__ import annotations

from support.worlds import job, plan

from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    Fact,
    JobFinished,
    RunResumed,
    RunStarted,
)
from orchestrator.engine.replay import replay
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.plan.model import Plan, When

STARTED = RunStarted(0.0, early_skips=True)
PLAN = plan(
    job("a"),
    job("b"),
    job("report", needs="a b"),
    job("down", needs="report", when=When.ALWAYS),
    job("alert", needs="report", when=When.FAILURE),
)
FAILS: list[Fact] = [AttemptStarted(0.0, 0, 1), AttemptStarted(0.0, 1, 1), AttemptFinished(1.0, 0, 1, Verdict.FAILED)]


def states(scheduler: Scheduler, of: Plan) -> dict[str, str]:
    return {one.id: scheduler.table.states[one.index].value for one in of.jobs}


def test_a_job_is_skipped_at_its_first_bad_need_and_a_skip_is_never_a_failure() -> None:
    scheduler = replay(PLAN, [STARTED, *FAILS[:2]])
    assert scheduler.apply(FAILS[2]) == (
        JobFinished(0, JobState.FAILED, "", 1, False),
        JobFinished(2, JobState.SKIPPED, "need `a` failed", 0, False),
        JobFinished(4, JobState.SKIPPED, "no need failed", 0, False),
    )
    scheduler.apply(AttemptStarted(1.0, 3, 1))
    scheduler.check_invariants()
    assert states(scheduler, PLAN) == {
        "a": "failed",
        "b": "running",
        "report": "skipped",
        "down": "running",
        "alert": "skipped",
    }
    scheduler.apply(AttemptFinished(2.0, 1, 1, Verdict.SUCCEEDED))
    scheduler.apply(AttemptFinished(2.0, 3, 1, Verdict.SUCCEEDED))
    scheduler.check_invariants()
    assert scheduler.finished


def test_a_pending_job_is_cancelled_at_once() -> None:
    scheduler = replay(PLAN, [STARTED, *FAILS[:2]])
    cancelled = scheduler.apply(CancelRequested(0.5, CancelReason.USER, job=2))
    assert [(one.job, one.status.value) for one in cancelled if isinstance(one, JobFinished)] == [
        (2, "cancelled"),
        (4, "skipped"),
    ]
    assert states(scheduler, PLAN)["down"] == "ready"


def test_a_run_keeps_its_rules_when_it_is_resumed() -> None:
    before = [STARTED, *FAILS, AttemptStarted(1.0, 3, 1), AttemptFinished(1.5, 3, 1, Verdict.SUCCEEDED)]
    after: list[Fact] = [RunResumed(5.0), AttemptStarted(5.0, 0, 2), AttemptFinished(6.0, 0, 2, Verdict.TIMED_OUT)]
    scheduler = replay(PLAN, [*before, after[0]])
    scheduler.check_invariants()
    assert states(scheduler, PLAN)["report"] == "pending"
    for fact in after[1:]:
        scheduler.apply(fact)
    scheduler.check_invariants()
    assert states(scheduler, PLAN)["report"] == "skipped"
    assert replay(PLAN, [*before, *after]).snapshot() == scheduler.snapshot()
