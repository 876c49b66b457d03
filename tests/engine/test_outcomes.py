"""The truth tables: what an end means for those that need it, and for the run."""

from __future__ import annotations

import pytest
from support.worlds import World, job

from orchestrator.engine.outcomes import Gate, NeedEnd, RunResult, gate, need_end, run_result
from orchestrator.engine.states import TERMINAL, CancelReason, JobState, Verdict
from orchestrator.plan.model import When


def test_what_each_end_means_to_its_dependents() -> None:
    found = {state: need_end(state, allowed=False) for state in TERMINAL}
    assert found == {
        JobState.SUCCEEDED: NeedEnd.MET,
        JobState.FAILED: NeedEnd.FAILED,
        JobState.TIMED_OUT: NeedEnd.FAILED,
        JobState.LOST: NeedEnd.FAILED,
        JobState.SKIPPED: NeedEnd.ABSENT,
        JobState.CANCELLED: NeedEnd.ABSENT,
        JobState.LEFT_OUT: NeedEnd.MET,
    }


def test_an_allowed_failure_is_as_good_as_a_success_but_a_skip_or_a_cancel_is_never_allowed() -> None:
    met = {state for state in TERMINAL if need_end(state, allowed=True) is NeedEnd.MET}
    assert met == {JobState.SUCCEEDED, JobState.FAILED, JobState.TIMED_OUT, JobState.LOST, JobState.LEFT_OUT}


def test_a_skip_behind_a_failure_means_a_failure_whatever_is_allowed() -> None:
    for allowed in (False, True):
        assert need_end(JobState.SKIPPED, allowed=allowed, behind_failure=True) is NeedEnd.FAILED


@pytest.mark.parametrize(
    ("left", "failed", "absent", "success", "failure", "always"),
    [
        (0, 0, 0, Gate.OPEN, Gate.SHUT, Gate.OPEN),
        (1, 0, 0, Gate.WAIT, Gate.WAIT, Gate.WAIT),
        (0, 1, 0, Gate.SHUT, Gate.OPEN, Gate.OPEN),
        (1, 1, 0, Gate.WAIT, Gate.WAIT, Gate.WAIT),
        (0, 0, 1, Gate.SHUT, Gate.SHUT, Gate.OPEN),
        (1, 0, 1, Gate.WAIT, Gate.WAIT, Gate.WAIT),
        (0, 1, 1, Gate.SHUT, Gate.OPEN, Gate.OPEN),
        (1, 1, 1, Gate.WAIT, Gate.WAIT, Gate.WAIT),
    ],
)
def test_when_a_job_may_run(left: int, failed: int, absent: int, success: Gate, failure: Gate, always: Gate) -> None:
    found = [gate(when, left=left, failed=failed, absent=absent) for when in (When.SUCCESS, When.FAILURE, When.ALWAYS)]
    assert found == [success, failure, always]


@pytest.mark.parametrize(
    ("failed", "cancelled", "stopped_by", "result"),
    [
        (0, 0, None, RunResult.SUCCESS),
        (1, 0, None, RunResult.FAILED),
        (0, 1, None, RunResult.CANCELLED),
        (1, 1, None, RunResult.FAILED),
        (1, 1, CancelReason.FAIL_FAST, RunResult.FAILED),
        (0, 1, CancelReason.FAIL_FAST, RunResult.CANCELLED),
        (1, 1, CancelReason.USER, RunResult.CANCELLED),
        (0, 0, CancelReason.USER, RunResult.CANCELLED),
        (1, 0, CancelReason.DEADLINE, RunResult.CANCELLED),
    ],
)
def test_the_result_of_a_run(failed: int, cancelled: int, stopped_by: CancelReason | None, result: RunResult) -> None:
    assert run_result(failed=failed, cancelled=cancelled, stopped_by=stopped_by) is result


def test_a_run_with_only_allowed_failures_and_unneeded_failure_handlers_is_a_success() -> None:
    world = World.started(job("lint", allow_failure=True), job("alarm", needs="lint", when=When.FAILURE))
    world.end("lint", Verdict.TIMED_OUT)
    assert world.states == {"lint": "timed_out", "alarm": "skipped"}
    assert world.scheduler.result is RunResult.SUCCESS
