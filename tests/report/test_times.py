"""How long a job took, wherever text shows it: from its first start to its last end."""

from __future__ import annotations

from support.stories import Story
from support.worlds import job, plan

from orchestrator.report.fold_events import read_report
from orchestrator.report.times import JobTime, job_time


def times(story: Story) -> list[JobTime | None]:
    report = read_report(story.plan, story.events)
    return [job_time(report, one.index) for one in story.plan.jobs]


def test_the_delay_of_a_retry_is_part_of_the_time_and_is_named() -> None:
    story = Story(plan(job("flaky"), job("never", needs="flaky")))
    story.start("flaky", 1.0)
    story.end("flaky", 1.25, "failed", exit_code=1, retry_at=2.75)
    story.start("flaky", 2.75)
    story.end("flaky", 3.0)
    assert times(story) == [JobTime(2.0, 1.5), None]
    assert str(times(story)[0]) == "2.0s (1.5s waiting)"


def test_waiting_for_the_process_to_start_is_waiting_too() -> None:
    story = Story(plan(job("slow")))
    story.start("slow", 0.0, spawned_at=0.625)
    story.end("slow", 0.75, duration_seconds=0.125)
    assert [str(time) for time in times(story)] == ["750ms (625ms waiting)"]


def test_cleanup_and_the_ending_of_leftovers_are_not_waiting() -> None:
    story = Story(plan(job("cleaned"), job("retried")))
    story.start("cleaned", 0.0)
    story.end("cleaned", 1.25, duration_seconds=0.25)
    story.start("retried", 2.0, spawned_at=2.25)
    story.end("retried", 3.5, "failed", exit_code=1, duration_seconds=0.25, retry_at=4.0)
    story.start("retried", 4.0)
    story.end("retried", 6.0, duration_seconds=0.5)
    assert times(story) == [JobTime(1.25, 0.0), JobTime(4.0, 0.75)]


def test_a_process_that_ran_before_its_start_was_recorded_has_not_waited() -> None:
    story = Story(plan(job("busy"), job("left-processes")))
    story.start("busy", 0.0, spawned_at=0.5)
    story.end("busy", 1.0, duration_seconds=1.0)
    story.start("left-processes", 1.0, spawned_at=1.515175)
    story.end("left-processes", 1.515737, duration_seconds=0.007026)
    assert [str(time) for time in times(story)] == ["1.0s", "516ms"]


def test_the_delay_of_a_retry_counts_also_where_the_start_of_its_process_was_recorded_late() -> None:
    story = Story(plan(job("flaky")))
    story.start("flaky", 0.0)
    story.end("flaky", 0.25, "failed", exit_code=1, retry_at=1.75)
    story.start("flaky", 1.75, spawned_at=2.0)
    story.end("flaky", 2.0, duration_seconds=0.25)
    assert times(story) == [JobTime(2.0, 1.5)]


def test_a_wait_that_does_not_matter_is_not_shown() -> None:
    assert str(JobTime(0.05, 0.04)) == "50ms"
    assert str(JobTime(100.0, 2.0)) == "1m 40s"


def test_the_time_of_a_job_that_runs_goes_up_to_the_last_event() -> None:
    story = Story(plan(job("long"), job("short"), max_parallel_jobs=2))
    story.start("long", 1.0)
    story.start("short", 1.0)
    story.end("short", 3.5)
    assert times(story) == [JobTime(2.5, 0.0), JobTime(2.5, 0.0)]


def test_a_resume_starts_a_new_time_without_the_attempts_before_it() -> None:
    story = Story(plan(job("again"), job("done")))
    story.start("again", 0.0)
    story.start("done", 0.0)
    story.end("done", 1.0)
    story.end("again", 4.0, "failed", exit_code=1)
    story.finish(4.0, "FAILED", 1)
    story.resume(5.0)
    assert times(story) == [JobTime(4.0, 0.0), JobTime(1.0, 0.0)]
    story.start("again", 5.0, spawned_at=6.5)
    story.end("again", 7.0, duration_seconds=0.5)
    assert times(story) == [JobTime(2.0, 1.5), JobTime(1.0, 0.0)]
