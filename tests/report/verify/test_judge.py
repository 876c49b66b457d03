"""The judge of a run finds nothing in a lawful one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from support.drawn_runs import STEPS, Steps, drawn_run, plans
from support.journals import nightly, stopped
from support.stories import Story
from support.worlds import job, plan

from orchestrator.plan.export import plan_to_dict
from orchestrator.plan.model import Plan, RetryPolicy, When
from orchestrator.report.verify.judge import violations
from orchestrator.report.verify.rules import Rule


@settings(max_examples=3 * settings().max_examples)
@given(of=plans(), steps=STEPS)
def test_nothing_is_found_in_a_lawful_run_at_no_moment_of_it(of: Plan, steps: Steps) -> None:
    assert violations(plan_to_dict(of), drawn_run(of, steps)) == []


@pytest.mark.parametrize("story", [nightly(), stopped()], ids=["nightly", "stopped"])
def test_nothing_is_found_in_what_is_told_here(story: Story) -> None:
    assert violations(plan_to_dict(story.plan), story.events) == []


def test_a_lost_attempt_is_made_again_twice_and_no_more() -> None:
    story = Story(plan(job("a", retry=RetryPolicy(delay=0.0))))
    for second in (0.0, 1.0):
        story.start("a", second)
        story.end("a", second + 1, "lost", retry_at=second + 1)
    story.start("a", 2.0)
    story.end("a", 3.0, "lost")
    story.finish(3.0, "FAILED", 1)
    assert violations(plan_to_dict(story.plan), story.events) == []
    story.events[-2] |= {"event": "retry.scheduled", "attempt": 4, "not_before": 3.0}
    assert [(one.line, one.rule) for one in violations(plan_to_dict(story.plan), story.events[:-1])] == [
        (len(story.events) - 1, Rule.RETRY)
    ]


def test_ten_evictions_count_for_nothing_and_an_eleventh_is_a_lost_attempt() -> None:
    story = Story(plan(job("a", retry=RetryPolicy(delay=0.0))))
    for second in range(12):
        story.start("a", float(second))
        story.end("a", second + 1.0, "lost", retry_at=second + 1.0)
    story.start("a", 12.0)
    story.end("a", 13.0, "lost")
    story.finish(13.0, "FAILED", 1)
    assert [one.rule for one in violations(plan_to_dict(story.plan), story.events)][:1] == [Rule.RETRY]
    for event in story.events:
        if event["event"] == "attempt.finished":
            event["evicted"] = True
    assert violations(plan_to_dict(story.plan), story.events) == []


@pytest.mark.parametrize(("second", "found"), [(31.0, []), (30.5, [Rule.KILL])])
def test_what_always_runs_is_left_alone_for_half_a_minute_after_a_stop(second: float, found: list[Rule]) -> None:
    story = Story(plan(job("a", when=When.ALWAYS)))
    story.start("a", 0.0)
    story.emit("cancel.requested", 1.0, reason="user", force=False, job=None)
    story.emit("kill.sent", second, job="a", attempt=1, force=False)
    story.end("a", 32.0, "killed")
    story.finish(32.0, "CANCELLED", 130)
    assert [one.rule for one in violations(plan_to_dict(story.plan), story.events)] == found
