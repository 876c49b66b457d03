"""The judge of a run on needs: nothing is decided before all of them have ended, except in a run of version 0.1."""

from __future__ import annotations

import pytest
from support.journals import Edit, change, move
from support.stories import Story
from support.worlds import job, plan

from orchestrator.plan.export import plan_to_dict
from orchestrator.plan.model import When
from orchestrator.report.verify.judge import violations


def judged(story: Story, *edits: Edit) -> list[tuple[int, str]]:
    for edit in edits:
        edit(story.events)
    return [(one.line, one.message) for one in violations(plan_to_dict(story.plan), story.events)]


def suite() -> Story:
    """Two tests, of which one fails; what needs both, what follows that in any case, and two alarms."""
    story = Story(
        plan(
            job("test-a"),
            job("test-b"),
            job("report", needs="test-a test-b"),
            job("down", needs="report", when=When.ALWAYS),
            job("alert", needs="report", when=When.FAILURE),
            job("quiet", needs="alert", when=When.FAILURE),
        )
    )
    story.start("test-a", 0.0)
    story.start("test-b", 0.0)
    story.end("test-a", 1.0, "failed", exit_code=1)
    story.end("test-b", 2.0)
    story.settle("report", 2.0, "skipped", "need `test-a` failed")
    story.start("down", 2.0)
    story.start("alert", 2.0)
    story.end("down", 3.0)
    story.end("alert", 3.0)
    story.settle("quiet", 3.0, "skipped", "no need failed")
    story.finish(3.0, "FAILED", 1)
    return story


EARLY = move(10, 8, at=1.0)  # `report` is skipped while `test-b` still runs


def test_a_skip_after_the_last_need_is_lawful_and_an_alarm_may_go_off_behind_it() -> None:
    assert judged(suite()) == []


def test_a_skip_before_the_last_need_has_ended_is_reported() -> None:
    assert judged(suite(), EARLY) == [(8, "`report` is skipped before its need `test-b` has ended")]


def test_a_teardown_that_starts_while_something_upstream_of_it_runs_is_reported() -> None:
    early = [move(10, 8, at=1.0), move(11, 9, at=1.0), move(12, 10, at=1.0)]
    assert "`report` is skipped before its need `test-b` has ended" in [what for _, what in judged(suite(), *early)]


@pytest.mark.parametrize(("version", "found"), [("0.1.0", 0), ("0.1.3", 0), ("0.2.0", 1), ("0.10.0", 1)])
def test_a_run_is_judged_by_the_rules_of_the_version_that_started_it(version: str, found: int) -> None:
    story = Story(plan(job("a"), job("b"), job("c", needs="a b"), job("d", needs="c", when=When.FAILURE)))
    story.events[0]["version"] = version
    story.start("a", 0.0)
    story.start("b", 0.0)
    story.end("a", 1.0, "failed", exit_code=1)
    story.settle("c", 1.0, "skipped", "need `a` failed")
    if version.startswith("0.1."):
        story.settle("d", 1.0, "skipped", "no need failed")
    story.end("b", 2.0)
    if not version.startswith("0.1."):
        story.start("d", 2.0)
        story.end("d", 3.0)
    story.finish(3.0, "FAILED", 1)
    assert len(judged(story)) == found


def test_an_alarm_behind_a_skip_is_not_skipped_when_something_failed_and_not_run_when_nothing_did() -> None:
    silent = Story(plan(job("a"), job("b", needs="a"), job("c", needs="b", when=When.FAILURE)))
    silent.start("a", 0.0)
    silent.end("a", 1.0, "failed", exit_code=1)
    silent.settle("b", 1.0, "skipped", "need `a` failed")
    silent.settle("c", 1.0, "skipped", "no need failed")
    silent.finish(1.0, "FAILED", 1)
    assert judged(silent) == [(7, "`c` is skipped, but its needs do not cause that")]

    false = Story(
        plan(
            job("a", allow_failure=True), job("b", needs="a", when=When.FAILURE), job("c", needs="b", when=When.FAILURE)
        )
    )
    false.start("a", 0.0)
    false.end("a", 1.0, "failed", exit_code=1, allowed=True)
    false.settle("b", 1.0, "skipped", "no need failed")
    false.start("c", 1.0)
    false.end("c", 2.0)
    false.finish(2.0)
    assert judged(false) == [(7, "`c` starts although no need of it failed")]


def test_a_job_that_is_cancelled_before_its_needs_have_ended_is_reported() -> None:
    story = Story(plan(job("a"), job("b", needs="a")))
    story.start("a", 0.0)
    story.emit("cancel.requested", 1.0, reason="user", force=False, job="b")
    story.settle("b", 1.0, "cancelled", "cancelled on request")
    story.end("a", 2.0)
    story.finish(2.0, "CANCELLED", 1)
    assert judged(story) == [(5, "`b` is cancelled before its need `a` has ended")]
    assert judged(story, change(1, version="0.1.0")) == []


def test_after_a_resume_a_job_waits_also_for_what_runs_again_behind_a_success() -> None:
    story = Story(plan(job("test"), job("down", needs="test", when=When.ALWAYS), job("note", needs="down")))
    story.start("test", 0.0)
    story.end("test", 1.0, "failed", exit_code=1)
    story.start("down", 1.0)
    story.end("down", 2.0)
    story.resume(3.0)
    story.start("test", 3.0)
    story.end("test", 4.0)
    story.start("note", 4.0)
    story.end("note", 5.0)
    story.finish(5.0)
    lines = [number for number, event in enumerate(story.events, 1) if event.get("job") == "note"]
    assert judged(story) == []
    early = [move(lines[0], 13, at=3.0), move(lines[1], 14, at=3.0)]
    assert judged(story, *early) == [(13, "`note` starts before its need `down` has ended")]
