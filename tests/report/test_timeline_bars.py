"""Bars of a timeline: which attempt held which slot, and when."""

from __future__ import annotations

from support.journals import nightly, stopped
from support.stories import Story, every_event, on_workers
from support.worlds import job, plan

from orchestrator.report.timeline_bars import Timeline


def bars(story: Story) -> list[tuple[str, int, int, float, float, str]]:
    timeline = Timeline(story.plan)
    for event in story.events:
        timeline.add(event)
    ids = [one.id for one in story.plan.jobs]
    return [(ids[bar.job], bar.attempt, bar.lane, bar.start, bar.end, bar.how) for bar in timeline.bars]


def test_each_attempt_holds_the_lowest_free_slot_from_its_start_to_its_end() -> None:
    assert bars(nightly()) == [
        ("fetch", 1, 0, 0.0, 1.0, "failed"),
        ("fetch", 2, 0, 2.0, 3.0, "succeeded"),
        ("build", 1, 0, 3.0, 4.0, "succeeded"),
        ("break", 1, 1, 3.0, 5.0, "timed_out"),
        ("pack", 1, 0, 4.0, 7.0, "succeeded"),
        ("notify", 1, 1, 5.0, 6.0, "succeeded"),
        ("test", 1, 0, 7.0, 9.0, "succeeded"),
        ("last", 1, 1, 7.0, 8.0, "failed"),
    ]


def test_a_resume_ends_what_was_under_way() -> None:
    assert bars(stopped())[:4] == [
        ("ears", 1, 0, 0.0, 2.0, "killed"),
        ("deaf", 1, 1, 0.0, 4.0, "interrupted"),
        ("late", 1, 0, 2.0, 2.5, "succeeded"),
        ("deaf", 2, 0, 4.0, 5.0, "succeeded"),
    ]


def test_what_runs_lasts_until_the_last_event() -> None:
    story = Story(plan(job("a"), job("b")))
    story.start("a", 0.0)
    story.start("b", 2.0)
    assert bars(story) == [("a", 1, 0, 0.0, 2.0, "running"), ("b", 1, 1, 2.0, 2.0, "running")]


def test_every_event_can_be_drawn() -> None:
    assert len(bars(every_event(plan(job("build"))))) == 2


def test_attempts_on_workers_have_a_place() -> None:
    story = on_workers()
    timeline = Timeline(story.plan)
    for event in story.events:
        timeline.add(event)
    assert [bar.place for bar in timeline.bars] == ["", "w1 (node-1)", "w2 (node-2)", "w3 (node-1)"]
