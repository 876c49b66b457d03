"""`--output plain` prints whole lines prefixed with the job's id, whatever the chunks were."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.observe.logs import MAX_LINE
from orchestrator.observe.plain import LinePrefixer, ProgressLines
from orchestrator.observe.stream import LossyStream


def prefixed(chunks: list[bytes]) -> str:
    out = io.StringIO()
    lines = LinePrefixer(LossyStream(out), colour=False, github=False)
    for chunk in chunks:
        lines.feed("job", chunk)
    lines.finish("job")
    return out.getvalue()


@given(st.lists(st.text("ab\n", max_size=9)))
def test_lines_do_not_depend_on_how_the_bytes_were_cut(texts: list[str]) -> None:
    whole = "".join(texts)
    expected = "".join(f"job | {line}\n" for line in whole.split("\n")[: None if whole[-1:] not in ("", "\n") else -1])
    assert prefixed([text.encode() for text in texts]) == expected


def test_a_last_line_without_a_newline_is_shown() -> None:
    assert prefixed([b"one\ntw", b"o"]) == "job | one\njob | two\n"


def test_lines_of_two_jobs_never_mix() -> None:
    out = io.StringIO()
    lines = LinePrefixer(LossyStream(out), colour=False, github=False)
    lines.feed("a", b"left ")
    lines.feed("b", b"right\n")
    lines.feed("a", b"over\n")
    assert out.getvalue() == "b | right\na | left over\n"


def test_a_huge_line_is_shown_in_pieces_and_loses_nothing() -> None:
    shown = prefixed([b"x" * 40_000] * 5)
    pieces = [line.removeprefix("job | ") for line in shown.splitlines()]
    assert max(map(len, pieces)) <= MAX_LINE
    assert "".join(pieces) == "x" * 200_000


def test_each_end_is_one_line_with_its_count_and_reason() -> None:
    err = io.StringIO()
    progress = ProgressLines(LossyStream(err), total=2)
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
    assert err.getvalue() == ("[1/2] a failed in 1.3s: exit code 2 (allowed)\n[2/2] b skipped: need `a` failed\n")


def progress_of(*events: dict[str, Any], total: int = 3, now: float | None = None, **options: Any) -> str:
    err = io.StringIO()
    progress = ProgressLines(LossyStream(err), total, **options)
    for event in events:
        progress.on_event(event)
    if now is not None:
        progress.print_status(now)
    return err.getvalue()


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
    assert progress_of(started("a"), finished("a", verdict), again, max_attempts={"a": 3}) == f"[0/3] {line}\n"


def test_after_a_resume_attempts_are_not_counted_against_the_policy() -> None:
    again = {"event": "retry.scheduled", "at": 1.0, "job": "a", "attempt": 3, "not_before": 2.0, "reason": ""}
    text = progress_of(started("a", attempt=2), finished("a", "failed"), again, max_attempts={"a": 5})
    assert text == "[0/3] a failed; retrying in 1.0s (attempt 3)\n"


def test_only_failures_leaves_out_jobs_that_succeeded() -> None:
    assert progress_of(ended("a", "succeeded"), ended("b", "skipped"), only_failures=True) == "[2/3] b skipped\n"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (cancelled("user"), "cancelled: stopping 1 job; press Ctrl-C again to kill it"),
        (cancelled("user", force=True), "killing all running jobs"),
        (cancelled("deadline"), "stopping: the run's deadline has passed"),
        (cancelled("fail_fast"), "stopping: a job failed and fail-fast is on"),
    ],
)
def test_a_stop_says_why_and_what_it_ends(event: dict[str, Any], line: str) -> None:
    assert progress_of(started("a"), event) == f"pexec: {line}\n"


def test_a_cancel_while_nothing_runs_and_one_of_a_single_matrix_job() -> None:
    assert progress_of(cancelled("user")) == "pexec: cancelled: no job is running\n"
    assert progress_of(cancelled("fail_fast", job="m[n=2]")) == ""


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


class _Gone(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_went_away_is_not_an_error() -> None:
    stream = LossyStream(_Gone())
    stream.write("one\n")
    stream.write("two\n")
    assert stream.gone


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
