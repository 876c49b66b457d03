"""One line for each job that ends, for each retry and for a stop; the state of the run on request."""

from __future__ import annotations

import io
from typing import Any

import pytest
from support.worlds import job as draft
from support.worlds import plan

from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.observe.stream import ConsoleStream
from orchestrator.plan.model import PlannedJob, RetryPolicy, When


def test_each_end_is_one_line_with_its_count_and_reason() -> None:
    err = io.StringIO()
    progress = ProgressLines(ConsoleStream(err), total=2)
    progress.on_event({"event": "attempt.started", "at": 0.0, "job": "a", "attempt": 1})
    progress.on_event(
        {"event": "job.finished", "at": 1.26, "job": "a", "status": "failed", "reason": "exit code 2", "allowed": True}
    )
    progress.on_event(
        {
            "event": "job.finished",
            "at": 2.0,
            "job": "b",
            "status": "skipped",
            "reason": "need `a` failed",
            "allowed": False,
        }
    )
    progress.show()
    assert err.getvalue() == ("[1/2] a failed in 1.3s: exit code 2 (allowed)\n[2/2] b skipped: need `a` failed\n")


def progress_of(*events: dict[str, Any], total: int = 3, now: float | None = None, **options: Any) -> str:
    err = io.StringIO()
    progress = ProgressLines(ConsoleStream(err), total, **options)
    for event in events:
        progress.on_event(event)
    progress.show()
    if now is not None:
        progress.print_status(now)
    return err.getvalue()


def jobs_of(*drafts: Any) -> dict[str, PlannedJob]:
    return {job.id: job for job in plan(*drafts).jobs}


def started(job: str, at: float = 0.0, attempt: int = 1) -> dict[str, Any]:
    return {"event": "attempt.started", "at": at, "job": job, "attempt": attempt}


def finished(job: str, verdict: str, at: float = 1.0) -> dict[str, Any]:
    return {"event": "attempt.finished", "at": at, "job": job, "attempt": 1, "verdict": verdict}


def ended(job: str, status: str, *, allowed: bool = False) -> dict[str, Any]:
    return {"event": "job.finished", "at": 1.0, "job": job, "status": status, "reason": "", "allowed": allowed}


def cancelled(reason: str, *, force: bool = False, job: str | None = None) -> dict[str, Any]:
    return {"event": "cancel.requested", "at": 1.0, "reason": reason, "force": force, "job": job}


@pytest.mark.parametrize(
    ("verdict", "reason", "attempt", "line"),
    [
        ("failed", "exit code 75", 2, "a failed (exit code 75); retrying in 300ms (attempt 2 of 3)"),
        (
            "timed_out",
            "over 4 s",
            3,
            "a timed out (over 4 s); retrying in 300ms (attempt 3 of 3)",
        ),
        ("lost", "", 4, "a was lost; retrying in 300ms (attempt 4)"),
    ],
)
def test_a_retry_names_the_end_its_reason_and_the_next_attempt(
    verdict: str, reason: str, attempt: int, line: str
) -> None:
    again = {"event": "retry.scheduled", "at": 1.0, "job": "a", "attempt": attempt, "not_before": 1.3, "reason": reason}
    assert (
        progress_of(
            started("a"), finished("a", verdict), again, jobs=jobs_of(draft("a", retry=RetryPolicy(max_attempts=3)))
        )
        == f"[0/3] {line}\n"
    )


def test_after_a_resume_attempts_are_not_counted_against_the_policy() -> None:
    again = {"event": "retry.scheduled", "at": 1.0, "job": "a", "attempt": 3, "not_before": 2.0, "reason": ""}
    text = progress_of(
        started("a", attempt=2),
        finished("a", "failed"),
        again,
        jobs=jobs_of(draft("a", retry=RetryPolicy(max_attempts=5))),
    )
    assert text == "[0/3] a failed; retrying in 1.0s (attempt 3)\n"


def test_only_failures_leaves_out_jobs_that_succeeded() -> None:
    assert progress_of(ended("a", "succeeded"), ended("b", "skipped"), only_failures=True) == "[2/3] b skipped\n"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (cancelled("user"), "Interrupted: stopping 2 jobs (up to 10s). Press Ctrl-C again to kill them."),
        (cancelled("user", force=True), "Killing 3 jobs."),
        (cancelled("deadline"), "The deadline of the run has passed: stopping 2 jobs (up to 10s)."),
        (cancelled("fail_fast"), "A job failed and fail-fast is on: stopping 2 jobs (up to 10s)."),
        (cancelled("user", job="a"), "Cancelled a: stopping it (up to 10s). Cancel it again to kill it."),
        (cancelled("user", job="b"), "Cancelled b: stopping it (up to 5s). Cancel it again to kill it."),
        (cancelled("user", job="a", force=True), "Killing a."),
    ],
)
def test_a_stop_says_why_what_it_ends_and_how_long_that_may_take(event: dict[str, Any], line: str) -> None:
    jobs = jobs_of(draft("a", grace=10.0), draft("b"), draft("z", when=When.ALWAYS))
    assert progress_of(started("a"), started("b"), started("z"), event, jobs=jobs) == f"{line}\n"


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ([cancelled("user")], "Interrupted: no job is running."),
        ([cancelled("user", force=True)], "Interrupted again: no job is running."),
        ([started("a"), cancelled("user")], "Interrupted: stopping 1 job (up to 5s). Press Ctrl-C again to kill it."),
        ([started("z"), cancelled("user")], "Interrupted: waiting for 1 job that always runs."),
    ],
)
def test_a_stop_says_what_it_does_not_end(events: list[dict[str, Any]], line: str) -> None:
    assert progress_of(*events, jobs=jobs_of(draft("a"), draft("z", when=When.ALWAYS))) == f"{line}\n"


def test_fail_fast_that_drains_waits_for_what_runs() -> None:
    text = progress_of(started("a"), cancelled("fail_fast"), drains=True)
    assert text == "A job failed and fail-fast is on: waiting for 1 job to end.\n"


@pytest.mark.parametrize(
    "event", [cancelled("fail_fast", job="m[n=2]"), cancelled("user", job="waits"), cancelled("user", job="has-ended")]
)
def test_a_cancel_of_a_job_that_does_not_run_is_no_stop_of_the_run(event: dict[str, Any]) -> None:
    assert progress_of(started("a"), event) == ""


def skipped(job: str, reason: str, status: str = "skipped") -> dict[str, Any]:
    return {**ended(job, status), "reason": reason}


def test_jobs_that_did_not_start_for_the_same_reason_are_one_line() -> None:
    events = [
        {**ended("t", "failed"), "reason": "exit code 1"},
        skipped("a", "need `t` failed"),
        skipped("b", "need `a` was skipped because `t` failed"),
        skipped("c", "need `u` timed out"),
        *(skipped(f"d{number}", "the run was cancelled", "cancelled") for number in range(5)),
    ]
    assert progress_of(*events, total=9) == (
        "[1/9] t failed: exit code 1\n"
        "[9/9] 2 jobs skipped because t failed\n"
        "[9/9] c skipped: need `u` timed out\n"
        "[9/9] 5 jobs cancelled: the run was cancelled\n"
    )


def test_a_chain_behind_a_job_that_was_cancelled_is_one_line() -> None:
    events = [
        {**ended("a", "cancelled"), "reason": "cancelled on request"},
        skipped("b", "need `a` was cancelled"),
        skipped("c", "need `b` was skipped"),
        skipped("d", "need `c` was skipped"),
    ]
    assert progress_of(*events, total=4) == (
        "[4/4] a cancelled: cancelled on request\n[4/4] 3 jobs skipped because a was cancelled\n"
    )


def test_each_status_has_its_colour() -> None:
    events = [ended("a", "succeeded"), ended("b", "timed_out"), ended("c", "failed", allowed=True)]
    assert progress_of(*events, colour=True) == (
        "\x1b[2m[1/3]\x1b[0m a \x1b[32msucceeded\x1b[0m\n"
        "\x1b[2m[2/3]\x1b[0m b \x1b[31mtimed out\x1b[0m\n"
        "\x1b[2m[3/3]\x1b[0m c \x1b[33mfailed (allowed)\x1b[0m\n"
    )


def test_the_status_counts_every_job_and_names_those_that_run() -> None:
    events = [
        *(started(job) for job in "abcd"),
        *(finished(job, verdict) for job, verdict in zip("abc", ("succeeded", "failed", "timed_out"), strict=True)),
        *(ended("a", "succeeded"), ended("b", "failed"), ended("c", "timed_out", allowed=True)),
    ]
    assert progress_of(*events, total=6, now=3.0).partition("pexec: ")[2] == (
        "3.0s: 1 of 6 jobs succeeded, 1 failed, 1 allowed failure, 1 running, 2 waiting\n  d: running for 3.0s\n"
    )


def test_the_status_of_very_many_running_jobs_names_twenty() -> None:
    text = progress_of(*(started(f"j{number}") for number in range(30)), total=30, now=1.0)
    assert text.count("running for") == 20
    assert text.endswith("  ... and 10 more\n")


@pytest.mark.parametrize(
    ("verdicts", "left", "line"),
    [
        (["succeeded"], [1], "[1/3] server succeeded in 1.0s; ended 1 process it left running\n"),
        (["failed"], [2], "[1/3] server failed in 1.0s: exit code 4; ended 2 processes it left running\n"),
        (["failed", "succeeded"], [1, 2], "[1/3] server succeeded in 1.0s; ended 3 processes it left running\n"),
        (["succeeded"], [0], "[1/3] server succeeded in 1.0s\n"),
        (["timed_out"], [3], "[1/3] server timed out in 1.0s: exit code 4\n"),
    ],
)
def test_what_a_job_left_running_is_shown_when_it_ends(verdicts: list[str], left: list[int], line: str) -> None:
    attempts = [
        {**finished("server", verdict), "leftover_killed": processes}
        for verdict, processes in zip(verdicts, left, strict=True)
    ]
    end = {**ended("server", verdicts[-1]), "reason": "" if verdicts[-1] == "succeeded" else "exit code 4"}
    assert progress_of(started("server"), *attempts, end) == line
