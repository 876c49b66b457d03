"""Failed attempts are kept, and nothing of the others."""

from __future__ import annotations

from support.stories import Story, sales
from support.worlds import job, plan

from orchestrator.report.failed_attempts import FailedAttempt, FailedAttempts
from orchestrator.report.fold_events import RunFold
from orchestrator.report.model import RunReport
from orchestrator.report.status import Status


def seen(story: Story) -> tuple[RunReport, FailedAttempts]:
    fold, failed = RunFold(story.plan), FailedAttempts()
    for event in story.events:
        fold.add(event)
        failed.add(event)
    return fold.report(), failed


def test_the_logs_of_all_failed_attempts_are_in_the_order_of_the_plan() -> None:
    report, failed = seen(sales())
    logs = ["logs/fetch.1.log", "logs/lint.1.log", "logs/audit-b.1.log", "logs/load.1.log"]
    assert list(failed.logs(report)) == logs


def test_an_attempt_has_what_its_event_says() -> None:
    report, failed = seen(sales())
    (fetch,) = failed.of(report.jobs[0], driven=False)
    assert fetch == FailedAttempt(1, Status.FAILED, "exit code 7", 7, None, "logs/fetch.1.log")


def test_a_job_that_failed_without_an_attempt_has_no_log() -> None:
    story = Story(plan(job("a")))
    story.settle("a", 1.0, "failed", "not possible")
    report, failed = seen(story)
    assert failed.of(report.jobs[0], driven=False) == [
        FailedAttempt(0, Status.FAILED, "not possible", None, None, None)
    ]
    assert list(failed.logs(report)) == []


def test_a_running_attempt_has_failed_only_if_no_process_drives_the_run() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    report, failed = seen(story)
    assert failed.of(report.jobs[0], driven=True) == ()
    assert list(failed.logs(report)) == []
    story.emit("run.finished", 2.0, result="INTERRUPTED", exit_code=None, wall_seconds=2.0)
    report, failed = seen(story)
    assert list(failed.logs(report)) == ["logs/a.1.log"]


def tried(times: int) -> Story:
    story = Story(plan(job("a")))
    for attempt in range(times):
        story.start("a", float(attempt))
        story.end("a", attempt + 0.5, "failed", reason="exit code 1", retry_at=attempt + 1.0)
    return story


def test_of_a_job_with_many_attempts_the_latest_are_kept() -> None:
    story, few = tried(12), FailedAttempts(10)
    for event in story.events:
        few.add(event)
    report, every = seen(story)
    assert [one.number for one in every.of(report.jobs[0], driven=True)] == list(range(1, 13))
    assert [one.number for one in few.of(report.jobs[0], driven=True)] == list(range(3, 13))
