"""Attempts run on workers that are there, and never on more slots than these have."""

from __future__ import annotations

import pytest
from support.journals import Edit, change, drop, insert
from support.stories import LATE, on_workers

from orchestrator.plan.export import plan_to_dict
from orchestrator.report.verify.judge import violations
from orchestrator.report.verify.rules import Rule


def found(edit: Edit) -> list[tuple[int, Rule, str]]:
    story = on_workers()
    edit(story.events)
    return [(one.line, one.rule, one.message) for one in violations(plan_to_dict(story.plan), story.events)]


def test_a_run_on_workers_breaks_no_rule_and_a_resume_forgets_them() -> None:
    assert found(lambda events: None) == []
    story = on_workers()
    story.resume(4.0, max_parallel_jobs=3)
    story.join("w1", "node-1", 4.0)
    story.start("test", 4.0, host="node-1", worker="w1")
    assert violations(plan_to_dict(story.plan), story.events) == []


def test_a_result_may_come_late_once_after_its_attempt_was_called_lost() -> None:
    story = on_workers()
    for _ in range(2):
        story.emit("attempt.late", 4.0, job="build", attempt=1, **LATE)
    story.emit("attempt.late", 4.0, job="build", attempt=2, **LATE)
    assert [one.message for one in violations(plan_to_dict(story.plan), story.events)] == [
        "attempt 1 of `build` ends late, but was not called lost before",
        "attempt 2 of `build` ends late, but was not called lost before",
    ]


@pytest.mark.parametrize(
    ("edit", "line", "message"),
    [
        (drop(4), 4, "`build` starts on worker `w1`, which has not joined or has left"),
        (change(13, worker="w1"), 13, "`build` starts on worker `w1`, which has not joined or has left"),
        (drop(4), 9, "worker `w1` leaves but had not joined"),
        (
            insert(16, 3.0, "worker.joined", worker="w2", slots=1),
            16,
            "worker `w2` joins a second time",
        ),
        (
            insert(20, 3.0, "attempt.started", job="idle", attempt=1, host="node-1", worker="w3"),
            20,
            "with `idle` 2 attempts running on worker `w3`, which has 1",
        ),
    ],
)
def test_each_planted_error_is_found_at_its_line(edit: Edit, line: int, message: str) -> None:
    assert (line, Rule.WORKER, message) in found(edit)
