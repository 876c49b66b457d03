"""Missing actions are found: a stop after a failure or a deadline, the cancelled rest of a matrix, a kill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.stories import Story
from support.worlds import job, plan

from orchestrator.plan.export import plan_to_dict
from orchestrator.plan.model import FailFast, When
from orchestrator.report.verify.judge import violations
from orchestrator.report.verify.rules import Rule

FAILED: dict[str, Any] = {"exit_code": 1, "reason": "exit code 1"}


def found(story: Story) -> list[tuple[int, Rule, str]]:
    return [(one.line, one.rule, one.message) for one in violations(plan_to_dict(story.plan), story.events)]


def failing(fail_fast: FailFast, *, allowed: bool = False, stop: bool = False) -> Story:
    """`a` fails, then `b` starts, and `c`, which always runs."""
    jobs = job("a", allow_failure=allowed), job("b"), job("c", when=When.ALWAYS)
    story = Story(plan(*jobs, max_parallel_jobs=1, fail_fast=fail_fast))
    story.start("a", 0.0)
    story.end("a", 1.0, "failed", allowed=allowed, **FAILED)
    if stop:
        story.emit("cancel.requested", 1.0, reason="fail_fast", force=False, job=None)
        story.settle("b", 1.0, "cancelled", "fail-fast")
    else:
        story.start("b", 1.0)
        story.end("b", 2.0)
    story.start("c", 2.0)
    story.end("c", 3.0)
    story.finish(3.0, "SUCCESS" if allowed else "FAILED", 0 if allowed else 1)
    return story


@pytest.mark.parametrize("fail_fast", [True, "drain"])
def test_a_run_that_continues_after_a_failure_although_it_fails_fast(fail_fast: FailFast) -> None:
    why = "after a failure that should have stopped the run"
    assert found(failing(fail_fast)) == [(6, Rule.STOP, f"`b` starts {why}"), (10, Rule.STOP, f"`c` starts {why}")]
    assert found(failing(fail_fast, stop=True)) == []
    assert found(failing(fail_fast, allowed=True)) == []
    assert found(failing(False)) == []


def late(at: float, *, stop: bool = False) -> Story:
    """A run with a deadline at second 2, in which `b` starts at second `at`."""
    story = Story(plan(job("a"), job("b", when=When.ALWAYS), max_parallel_jobs=1, timeout=2.0))
    story.start("a", 0.0)
    story.end("a", 1.5)
    if stop:
        story.emit("cancel.requested", 2.0, reason="deadline", force=False, job=None)
    story.start("b", at)
    story.end("b", at + 1)
    story.finish(at + 1, "CANCELLED" if stop else "SUCCESS", 124 if stop else 0)
    return story


def test_a_run_that_starts_jobs_after_its_deadline() -> None:
    why = "`b` starts after the deadline of the run at second 2"
    assert found(late(2.5)) == [(6, Rule.STOP, why)]
    assert found(late(2.5, stop=True)) == []
    assert found(late(2.0)) == []


def matrix(*, fails_fast: bool = True, cancel: bool = False) -> Story:
    cells = [job(f"m[n={n}]", workflow="m", matrix_fail_fast=fails_fast) for n in (1, 2)]
    story = Story(plan(*cells, job("other"), max_parallel_jobs=1))
    story.start("m[n=1]", 0.0)
    story.end("m[n=1]", 1.0, "failed", **FAILED)
    if cancel:
        story.emit("cancel.requested", 1.0, reason="fail_fast", force=False, job="m[n=2]")
        story.settle("m[n=2]", 1.0, "cancelled", "`m[n=1]` failed")
    else:
        story.start("m[n=2]", 1.0)
        story.end("m[n=2]", 2.0)
    story.start("other", 2.0)
    story.end("other", 3.0)
    story.finish(3.0, "FAILED", 1)
    return story


def test_a_matrix_that_continues_although_it_fails_fast() -> None:
    why = "`m[n=2]` starts after another job of its matrix had failed"
    assert found(matrix()) == [(6, Rule.CANCEL, why)]
    assert found(matrix(cancel=True)) == []
    assert found(matrix(fails_fast=False)) == []


def deaf(spoil: Callable[[Story], None], end: float) -> Story:
    story = Story(plan(job("a", grace=30.0), max_parallel_jobs=1))
    story.start("a", 0.0)
    story.emit("cancel.requested", 1.0, reason="user", force=False, job=None)
    spoil(story)
    story.end("a", end)
    story.finish(end, "CANCELLED", 130)
    return story


def test_a_job_that_was_not_terminated_in_a_run_that_was_stopped() -> None:
    def terminated(story: Story) -> None:
        story.emit("kill.sent", 1.0, job="a", attempt=1, force=False)

    why = "`a` ends 8 s after the run was stopped, and was never terminated"
    assert found(deaf(lambda story: None, 9.0)) == [(5, Rule.KILL, why)]
    assert found(deaf(lambda story: None, 1.25)) == []  # it ended by itself, just then
    assert found(deaf(terminated, 9.0)) == []


def test_a_resume_starts_over() -> None:
    story = failing(True, stop=True)
    story.resume(4.0, max_parallel_jobs=1)
    story.start("b", 4.0)
    story.end("b", 5.0)
    story.start("a", 5.0)
    story.end("a", 6.0)
    story.finish(6.0)
    assert found(story) == []


def test_a_need_whose_failure_is_allowed_is_met_and_nothing_is_skipped_for_it() -> None:
    story = Story(plan(job("a", allow_failure=True), job("b", needs="a"), max_parallel_jobs=1))
    story.start("a", 0.0)
    story.end("a", 1.0, "failed", allowed=True, **FAILED)
    story.settle("b", 1.0, "skipped", "need `a` failed")
    story.finish(1.0)
    assert found(story) == [(6, Rule.SKIP, "`b` is skipped, but its needs do not cause that")]


def test_a_group_that_fails_although_nothing_in_it_ran() -> None:
    story = Story(plan(job("a"), job("g", needs="a", group=True), max_parallel_jobs=1))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.settle("g", 1.0, "failed")
    story.finish(1.0, "FAILED", 1)
    assert found(story) == [(6, Rule.STATUS, "`g` ends as failed without such an attempt")]
