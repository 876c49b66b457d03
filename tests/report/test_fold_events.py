"""Events -> report: what became of each job, and the numbers of the run."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from support.dags import big_dag, dags, plan_of
from support.stories import LATE, Story, every_event, on_workers, sales
from support.worlds import job, plan

from orchestrator.plan.model import Plan
from orchestrator.report.advice import recommendations
from orchestrator.report.fold_events import RunFold, read_report
from orchestrator.report.model import JobReport, RunReport, Summary
from orchestrator.report.status import Status


def statuses(report: RunReport) -> dict[str, str]:
    return {one.job_id: one.status.value for one in report.jobs}


def in_order(of: Plan, seconds: list[float]) -> Story:
    """All jobs one after the other, level by level."""
    story, now = Story(of), 0.0
    for level in of.levels:
        for index in level:
            story.start(of.jobs[index].id, now)
            now = round(now + seconds[index], 6)
            story.end(of.jobs[index].id, now)
    story.finish(now)
    return story


def test_a_run_of_no_jobs_is_all_zeros() -> None:
    story = Story(plan())
    story.finish(0.0)
    report = read_report(story.plan, story.events)
    assert (report.result, report.exit_code, report.jobs) == ("SUCCESS", 0, [])
    assert report.summary == Summary()


def test_a_run_that_has_not_begun_has_only_pending_jobs() -> None:
    report = RunFold(plan(job("a"), job("b"))).report()
    assert (report.result, report.exit_code, report.started_at) == ("RUNNING", None, None)
    assert report.jobs == [JobReport("a"), JobReport("b")]
    assert report.summary == Summary(total_jobs=2, unfinished_jobs=2)


def test_every_end_of_a_job_has_its_status_and_its_count() -> None:
    story = sales()
    report = read_report(story.plan, story.events)
    assert statuses(report) == {
        "fetch": "SUCCESS",
        "lint": "FAILED",
        "build": "SUCCESS",
        "audit | <b>": "TIMED_OUT",
        "load": "LOST",
        "publish": "SKIPPED",
        "notes": "CANCELLED",
        "all": "SUCCESS",
    }
    assert report.summary == Summary(
        total_jobs=8,
        successful_jobs=3,
        failed_jobs=2,
        timed_out_jobs=1,
        lost_jobs=1,
        skipped_jobs=1,
        cancelled_jobs=1,
        allowed_failures=1,
        retries=1,
        success_rate=0.375,
        total_execution_time_seconds=12.125,
        average_execution_time_seconds=1.516,
        wall_time_seconds=8.125,
        speed_up=1.492,
        utilisation=0.7462,
        critical_path_seconds=7.625,
        critical_path=["fetch", "build", "load"],
    )
    assert report.pool_use == {"disk": 0.1692}
    assert report.degraded == (("memory limits", "no delegated cgroup"),)


def test_a_job_adds_up_its_attempts_and_tells_of_the_last() -> None:
    story = sales()
    fetch = read_report(story.plan, story.events).jobs[0]
    assert fetch == JobReport(
        job_id="fetch",
        pid=5011,
        status=Status.SUCCESS,
        execution_time_seconds=2.75,
        log_file="logs/fetch.2.log",
        exit_code=0,
        attempts=2,
        started_at="2026-01-02T03:04:05.000000Z",
        finished_at="2026-01-02T03:04:08.250000Z",
        cpu_seconds=0.5,
        max_rss_bytes=3145728,
        log_bytes=100,
        enforced_by={"timeout": "warden"},
        host="host",
    )


def test_a_job_under_way_is_known_with_its_process_and_log() -> None:
    story = Story(plan(job("a"), job("b")))
    story.start("a", 0.0)
    story.start("b", 0.0)
    story.end("b", 1.0, "failed", exit_code=1, reason="exit code 1", retry_at=9.0)
    report = read_report(story.plan, story.events)
    a, b = report.jobs
    assert (a.status, a.pid, a.log_file, a.started_at) == (
        Status.RUNNING,
        5002,
        "logs/a.1.log",
        "2026-01-02T03:04:05.000000Z",
    )
    assert (b.status, b.exit_code, b.reason) == (Status.PENDING, 1, "exit code 1")
    assert (report.result, report.summary.unfinished_jobs, report.summary.wall_time_seconds) == ("RUNNING", 2, 1.0)


def test_a_resume_reopens_all_but_successes_and_the_last_end_counts() -> None:
    story = Story(plan(job("a"), job("b"), job("c", needs="b"), job("d"), job("e", allow_failure=True)))
    for name in "abde":
        story.start(name, 0.0)
    story.end("a", 1.0)
    story.end("b", 4.0, "failed", exit_code=1, reason="exit code 1")
    story.settle("c", 4.0, "skipped", "need `b` failed")
    story.end("e", 4.0, "failed", exit_code=1, allowed=True)
    # Here pexec is killed while d is running.
    story.emit("orphan.killed", 4.0, pid=5003, job="d")
    story.resume(4.0)
    between = read_report(story.plan, story.events)
    assert statuses(between) == {"a": "SUCCESS", "b": "PENDING", "c": "PENDING", "d": "PENDING", "e": "PENDING"}
    assert (between.summary.failed_jobs, between.summary.allowed_failures) == (0, 0)
    assert (between.summary.critical_path, between.summary.critical_path_seconds) == (["a"], 1.0)
    for name in "bde":
        story.start(name, 4.0)
        story.end(name, 5.0)
    story.start("c", 5.0)
    story.end("c", 6.0)
    story.finish(6.0)
    report = read_report(story.plan, story.events)
    assert set(statuses(report).values()) == {"SUCCESS"}
    assert (report.result, report.resumed, report.orphans_killed) == ("SUCCESS", 1, 1)
    assert [one.attempts for one in report.jobs] == [1, 2, 1, 2, 2]
    assert report.jobs[1].reason == ""
    assert report.summary.critical_path == ["b", "c"]


def test_a_stop_says_who_asked_first_and_cancelling_a_job_is_no_stop() -> None:
    story = Story(plan(job("a")))
    story.emit("cancel.requested", 0.0, reason="user", force=False, job="a")
    assert read_report(story.plan, story.events).cancelled_by is None
    story.emit("cancel.requested", 0.0, reason="deadline", force=False, job=None)
    story.emit("cancel.requested", 1.0, reason="user", force=True, job=None)
    assert read_report(story.plan, story.events).cancelled_by == "deadline"


def test_what_the_command_line_said_goes_before_the_plan() -> None:
    story = Story(plan(job("a"), max_parallel_jobs=2), max_parallel_jobs=7, fail_fast="drain")
    report = read_report(story.plan, story.events)
    assert (report.max_parallel_jobs, report.fail_fast) == (7, "drain")


@given(waits=dags(), data=st.data())
def test_the_critical_path_is_the_longest_chain_by_what_the_jobs_took(waits: object, data: st.DataObject) -> None:
    of = plan_of(waits)  # type: ignore[arg-type]
    seconds = [data.draw(st.integers(0, 1000)) / 1000 for _ in of.jobs]
    report = read_report(of, in_order(of, seconds).events)
    longest: dict[int, float] = {}
    for level in of.levels:
        for index in level:
            longest[index] = seconds[index] + max((longest[need] for need in of.jobs[index].needs), default=0.0)
    assert report.summary.critical_path_seconds == round(max(longest.values(), default=0.0), 3)
    path = [next(one for one in of.jobs if one.id == name) for name in report.summary.critical_path]
    assert all(before.index in after.needs for before, after in pairwise(path))
    assert round(sum(seconds[one.index] for one in path), 3) == report.summary.critical_path_seconds


def test_a_chain_goes_through_soft_order_too() -> None:
    story = Story(plan(job("a"), job("b"), job("c", needs="a", after="b")))
    for name, start, end in (("a", 0, 1), ("b", 1, 4), ("c", 4, 5)):
        story.start(name, start)
        story.end(name, end)
    assert read_report(story.plan, story.events).summary.critical_path == ["b", "c"]


def test_the_log_is_where_the_event_says_that_it_is() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0, log="logs/elsewhere.log")
    assert read_report(story.plan, story.events).jobs[0].log_file == "logs/elsewhere.log"


@given(waits=dags(), data=st.data())
def test_the_numbers_of_a_run_are_those_of_its_jobs(waits: object, data: st.DataObject) -> None:
    of = plan_of(waits)  # type: ignore[arg-type]
    seconds = [data.draw(st.integers(0, 1000)) / 1000 for _ in of.jobs]
    report = read_report(of, in_order(of, seconds).events)
    summary, total = report.summary, round(sum(seconds), 3)
    assert (
        summary.total_execution_time_seconds
        == total
        == round(sum(one.execution_time_seconds for one in report.jobs), 3)
    )
    assert summary.speed_up == (1.0 if total else 0.0)
    assert summary.successful_jobs == summary.total_jobs == len(report.jobs)


def test_a_fold_can_be_asked_at_any_moment_and_tells_which_jobs_changed() -> None:
    story = sales()
    fold, seen = RunFold(story.plan), []
    for number, event in enumerate(story.events, start=1):
        fold.add(event)
        assert fold.report() == read_report(story.plan, story.events[:number])
        seen += sorted(fold.changed)
        fold.changed.clear()
    # fetch and lint start and end; fetch fails and starts again; and so on.
    assert seen == [0, 1, 1, 0, 0, 0, 2, 3, 2, 7, 4, 3, 4, 5, 6]


def test_every_event_can_be_folded() -> None:
    story = every_event(plan(job("build")))
    assert statuses(read_report(story.plan, story.events)) == {"build": "SUCCESS"}


def test_a_large_run_is_folded_one_event_at_a_time(full: bool) -> None:
    of = plan_of(big_dag(100_000 if full else 2_000))
    report = read_report(of, in_order(of, [0.001] * len(of.jobs)).events)
    assert report.summary.successful_jobs == len(of.jobs)


def test_a_job_has_the_host_of_its_last_attempt_and_older_journals_that_of_the_run() -> None:
    jobs = read_report(on_workers().plan, on_workers().events).jobs
    assert [(one.host, one.worker) for one in jobs] == [
        ("host", None), ("node-2", "w2"), ("node-1", "w3"), (None, None),
    ]  # fmt: skip
    older = Story(plan(job("a"), job("b")))
    older.start("a", 0.0)
    older.end("a", 1.0)
    older.emit("run.resumed", 1.0, pid=1, boot_id="boot", max_parallel_jobs=1)
    older.emit("attempt.started", 1.0, job="b", attempt=1)
    for event in older.events[1:]:
        event.pop("host", None)
    report = read_report(older.plan, older.events)
    assert ([one.host for one in report.jobs], report.host, report.has_other_hosts) == (["host"] * 2, "host", False)


def test_a_result_that_came_late_is_reported_with_what_it_means() -> None:
    story = on_workers()
    story.emit("attempt.late", 4.0, job="build", attempt=1, **LATE)
    report = read_report(story.plan, story.events)
    assert report.late == (("build", 1, "succeeded"),)
    assert (
        "Attempt 1 of `build` succeeded after it was called lost: its effects may have happened twice."
        in recommendations(report)
    )
