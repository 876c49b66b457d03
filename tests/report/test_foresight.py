"""What is known of jobs before they end: that they will be skipped or cancelled, and why."""

from __future__ import annotations

from hypothesis import given, settings
from support.drawn_runs import STEPS, Steps, drawn_run, plans
from support.stories import Story
from support.worlds import job, plan

from orchestrator.plan.model import Plan, When
from orchestrator.report.foresight import Foresight
from orchestrator.report.progress import Progress, WaitingJob
from orchestrator.report.progress_text import snapshot_text

SUITE = plan(
    job("test-a"),
    job("test-b"),
    job("report", needs="test-a test-b"),
    job("publish", needs="report"),
    job("down", needs="publish", when=When.ALWAYS),
    job("alert", needs="report", when=When.FAILURE),
)


def foresight(story: Story) -> Foresight:
    at = Foresight(story.plan)
    for event in story.events:
        at.add(event)
    return at


def fates(story: Story) -> dict[str, str]:
    return {story.plan.jobs[index].id: str(fate) for index, fate in foresight(story).fates.items()}


def half_failed() -> Story:
    story = Story(SUITE)
    story.start("test-a", 0.0)
    story.start("test-b", 0.0)
    story.end("test-a", 1.0, "failed", exit_code=1)
    return story


def test_a_failure_dooms_what_needs_it_at_any_distance_but_not_what_runs_after_failures() -> None:
    story = half_failed()
    assert fates(story) == {"report": "skipped: test-a failed", "publish": "skipped: test-a failed"}
    assert foresight(story).summary() == "report and 1 more will be skipped: test-a failed"
    story.end("test-b", 2.0)
    story.settle("report", 2.0, "skipped", "need `test-a` failed")
    assert fates(story) == {"publish": "skipped: test-a failed"}
    assert foresight(story).summary() == "publish will be skipped: test-a failed"
    story.settle("publish", 2.0, "skipped", "need `report` was skipped because `test-a` failed")
    assert (fates(story), foresight(story).summary()) == ({}, "")


def test_an_allowed_failure_and_a_success_doom_nothing() -> None:
    story = Story(plan(job("a", allow_failure=True), job("b"), job("c", needs="a b")))
    story.start("a", 0.0)
    story.start("b", 0.0)
    story.end("a", 1.0, "failed", exit_code=1, allowed=True)
    assert fates(story) == {}


def test_a_cancelled_job_that_waits_will_be_cancelled_and_its_dependents_skipped() -> None:
    story = half_failed()
    story.emit("cancel.requested", 1.5, reason="user", force=False, job="report")
    assert fates(story) == {"publish": "skipped: test-a failed", "report": "cancelled"}
    story = Story(SUITE)
    story.start("test-a", 0.0)
    story.emit("cancel.requested", 1.5, reason="fail_fast", force=False, job="report")
    story.emit("cancel.requested", 1.5, reason="user", force=False, job="test-a")
    assert fates(story) == {"report": "cancelled: fail-fast of its matrix", "publish": "skipped: report was cancelled"}


def test_a_resume_starts_over() -> None:
    story = half_failed()
    story.resume(4.0)
    assert fates(story) == {}
    story.start("test-b", 4.0)
    story.end("test-b", 5.0, "timed_out")
    assert fates(story) == {"report": "skipped: test-b timed out", "publish": "skipped: test-b timed out"}


def test_a_cancel_of_what_succeeded_before_a_resume_means_nothing() -> None:
    story = Story(plan(job("a"), job("b"), job("c", needs="a b")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.resume(4.0)
    story.emit("cancel.requested", 5.0, reason="user", force=False, job="a")
    assert fates(story) == {}


def test_the_status_of_a_run_shows_it() -> None:
    story = half_failed()
    at = Progress(story.plan, "run")
    for event in story.events:
        at.add(event)
    seen = at.snapshot(1.5, driven=True)
    assert seen.waiting[0] == WaitingJob("report", "needs", ["test-b"], will_be="skipped", because="test-a failed")
    assert seen.waiting[2] == WaitingJob("down", "needs", ["publish"])
    assert "  report   needs test-b; will be skipped: test-a failed\n" in snapshot_text(seen)
    story.emit("cancel.requested", 1.5, reason="user", force=False, job="report")
    at.add(story.events[-1])
    assert "  report   needs test-b; will be cancelled\n" in snapshot_text(at.snapshot(1.5, driven=True))


@settings(max_examples=3 * settings().max_examples)
@given(of=plans(), steps=STEPS)
def test_what_is_foreseen_comes_true(of: Plan, steps: Steps) -> None:
    at, index_of = Foresight(of), {one.id: one.index for one in of.jobs}
    for event in drawn_run(of, steps):
        if event["event"] == "job.finished":
            fate = at.fates.get(index_of[event["job"]])
            assert fate is None or fate.status == event["status"]
        if event["event"] == "attempt.started":
            assert index_of[event["job"]] not in at.fates
        at.add(event)
    assert at.fates == {}


def test_after_a_resume_a_job_that_had_succeeded_is_not_said_to_be_cancelled() -> None:
    """A screen sees only what follows the resume."""
    at = Foresight(SUITE, succeeded=[0])
    for event in (
        {"event": "run.resumed"},
        {"event": "cancel.requested", "reason": "user", "force": False, "job": "test-a"},
    ):
        at.add(event)
    assert (at.fates, at.summary()) == ({}, "")
