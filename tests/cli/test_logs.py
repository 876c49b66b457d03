"""`pexec logs`: the bytes of a log on stdout, whose and when on stderr."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from support.cli import Pexec
from support.journals import nightly
from support.recorded_runs import more, record, start
from support.stories import Story
from support.worlds import job, plan

RAW = b"\x1b[31mred\x1b[0m\x1b[2J\x00\xff\r\n::set-env name=x::y\nno newline"
LOGS = {
    "logs/fetch.1.log": b"first\n",
    "logs/fetch.2.log": RAW,
    "logs/break.1.log": b"broken\n",
    "logs/last.1.log": b"allowed\n",
}
FIRST = (
    "==> fetch, attempt 1: started 2026-01-02T03:04:05.000000Z, ended 2026-01-02T03:04:06.000000Z, 1.0s, "
    "failed: exit code 1\n"
)
SECOND = (
    "==> fetch, attempt 2: started 2026-01-02T03:04:07.000000Z, ended 2026-01-02T03:04:08.000000Z, 1.0s, succeeded\n"
)
BROKEN = (
    "==> break, attempt 1: started 2026-01-02T03:04:08.000000Z, ended 2026-01-02T03:04:10.000000Z, 2.0s, "
    "timed out: ran longer than 2s\n"
)


@pytest.fixture
def told(pexec: Pexec) -> Pexec:
    record(pexec.folder / ".pexec/runs", nightly(), logs=LOGS)
    return pexec


def raw(pexec: Pexec, *arguments: str) -> bytes:
    """What `pexec logs` writes, byte for byte."""
    process = pexec.start("logs", *arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return process.communicate(timeout=60)[0]


def on_a_terminal(pexec: Pexec, *arguments: str) -> bytes:
    reader, writer = pty.openpty()
    process = pexec.start("logs", *arguments, stdout=writer, stderr=subprocess.DEVNULL)
    os.close(writer)
    seen = b""
    try:
        while chunk := os.read(reader, 65536):
            seen += chunk
    except OSError:
        pass
    os.close(reader)
    assert process.wait(60) == 0
    return seen


def test_the_last_attempt_is_shown_byte_for_byte_and_its_stamps_on_stderr(told: Pexec, tmp_path: Path) -> None:
    assert raw(told, "fetch") == RAW
    with (tmp_path / "file").open("wb") as file:
        assert told.start("logs", "fetch", stdout=file, stderr=subprocess.DEVNULL).wait(60) == 0
    assert (tmp_path / "file").read_bytes() == RAW
    told.run("logs", "break").said(stdout="broken\n", stderr=BROKEN)


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        (b"a\nb\nc\n", "2", b"b\nc\n"),
        (b"a\nb\nc", "2", b"b\nc"),
        (b"a\nb\nc", "3", b"a\nb\nc"),
        (b"a\nb\n", "99", b"a\nb\n"),
        (b"a\n\n\n", "2", b"\n\n"),
        (b"\n", "1", b"\n"),
        (b"a\nb\n", "0", b""),
        (b"", "5", b""),
        pytest.param(b"x" * 70_000 + b"\n" + b"y" * 70_000, "1", b"y" * 70_000, id="long lines"),
        pytest.param(b"x\n" * 100_000, "40000", b"x\n" * 40_000, id="many lines"),
        pytest.param(b"z" * 65_535 + b"\nend", "1", b"end", id="edge"),
    ],
)
def test_only_the_last_lines_are_shown_on_request(pexec: Pexec, content: bytes, lines: str, expected: bytes) -> None:
    record(pexec.folder / ".pexec/runs", nightly(), logs={**LOGS, "logs/break.1.log": content})
    assert raw(pexec, "break", "--tail", lines) == expected
    assert raw(pexec, "break", "-n", lines, "--follow") == expected


def test_a_tail_is_a_number_of_lines_of_text(told: Pexec) -> None:
    assert told.run("logs", "--tail=-1").exit_code == 2
    assert told.run("logs", "--tail", "few").exit_code == 2
    assert told.run("logs", "--tail", "1", "--format", "json").exit_code == 2


def test_any_attempt_can_be_selected(told: Pexec) -> None:
    told.run("logs", "fetch", "--attempt", "1").said(stdout="first\n", stderr=FIRST)
    told.run("logs", "fetch", "--attempt=3").said(
        exit_code=2, stderr="error: `fetch` has no attempt 3\n  = help: it has 2 attempts\n"
    )
    told.run("logs", "--attempt=1").said(
        exit_code=2, stderr="error: `--attempt` requires a JOB\n  = help: `pexec logs JOB --attempt N`\n"
    )


def test_without_a_job_those_that_failed_are_shown_else_all(told: Pexec) -> None:
    said = told.run("logs")
    assert said.stdout == "broken\nallowed\n"
    assert [line.split(",")[0] for line in said.stderr.splitlines()] == ["==> break", "==> last"]
    fine = Story(plan(job("a"), job("b")))
    for name in "ab":
        fine.start(name, 0.0)
        fine.end(name, 1.0)
    record(told.folder / "fine", fine, logs={"logs/a.1.log": b"a\n", "logs/b.1.log": b"b\n"})
    assert told.run("logs", "--run-root", "fine").stdout == "a\nb\n"


def test_a_job_without_a_log_is_reported_with_its_reason(told: Pexec) -> None:
    told.run("logs", "repair", "all").said(
        stderr="pexec: `repair` has no log: it was skipped (need `break` timed out)\n"
        "pexec: `all` has no log: it succeeded\n"
    )


def test_an_unknown_job_is_wrong_usage(told: Pexec) -> None:
    told.run("logs", "brek").said(exit_code=2, stderr="error: unknown job `brek`\n  = help: did you mean `break`?\n")


def test_on_a_terminal_a_log_cannot_drive_it(told: Pexec) -> None:
    shown = "\x1b[31mred\x1b[0m␛[2J␀\ufffd\x1b[0m\r\n::set-env name=x::y\r\nno newline\r\n"
    assert on_a_terminal(told, "fetch").decode() == shown


def test_in_a_ci_a_log_cannot_drive_the_runner_but_a_file_gets_all_bytes(told: Pexec, tmp_path: Path) -> None:
    told.env(GITHUB_ACTIONS="true")
    assert b"\n\xe2\x80\x8b::set-env" in raw(told, "fetch")
    with (tmp_path / "file").open("wb") as file:
        told.start("logs", "fetch", stdout=file, stderr=subprocess.DEVNULL).wait(60)
    assert (tmp_path / "file").read_bytes() == RAW


def test_a_workflow_is_all_its_jobs(pexec: Pexec) -> None:
    story = Story(plan(job("test[python=3.11]"), job("test[python=3.12]")))
    from msgspec.structs import replace

    story.plan = replace(story.plan, jobs=tuple(replace(one, workflow="test") for one in story.plan.jobs))
    for name in ("test[python=3.12]", "test[python=3.11]"):
        story.start(name, 0.0)
        story.end(name, 1.0)
    logs = {f"logs/test-python-3.{minor}.1.log": b"%d\n" % minor for minor in (11, 12)}
    record(pexec.folder / ".pexec/runs", story, logs=logs)
    assert pexec.run("logs", "test").stdout == "11\n12\n"
    assert pexec.run("logs", "test[python=3.12]", "test").stdout == "12\n11\n"


def test_json_lists_attempts(told: Pexec) -> None:
    data = json.loads(told.run("logs", "fetch", "--attempt", "1", "--format", "json").stdout)
    assert data["attempts"] == [
        {
            "job_id": "fetch",
            "attempt": 1,
            "log": "logs/fetch.1.log",
            "started_at": "2026-01-02T03:04:05.000000Z",
            "ended_at": "2026-01-02T03:04:06.000000Z",
            "duration_seconds": 1.0,
            "verdict": "failed",
            "reason": "exit code 1",
            "log_bytes": 100,
            "host": "host",
            "worker": None,
        }
    ]


@pytest.mark.parametrize("flags", [["--format", "json"], ["--attempt", "1", "a"]])
def test_following_is_only_for_logs_as_they_come(pexec: Pexec, flags: list[str]) -> None:
    assert pexec.run("logs", "-f", *flags).exit_code == 2


def test_following_shows_each_byte_as_it_comes_and_ends_with_the_job(pexec: Pexec) -> None:
    story = Story(plan(job("a"), job("b", needs="a")))
    story.start("a", 0.0)
    with start(pexec.folder / ".pexec/runs", story) as run:
        seen = len(story.events)
        process = pexec.start("logs", "-f", "a", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        log = Path(run.path, "logs/a.1.log")
        log.write_bytes(b"one\n")
        assert process.stdout.readline() == b"one\n"
        with log.open("ab") as file:
            file.write(b"two")
        assert process.stdout.read(3) == b"two"  # not held back until the line is whole
        story.end("a", 1.0, "failed", exit_code=1, reason="exit code 1", retry_at=1.0)
        seen = more(run, story, seen)
        story.start("a", 1.0)
        Path(run.path, "logs/a.2.log").write_bytes(b"again\n")
        seen = more(run, story, seen)
        assert process.stdout.readline() == b"again\n"
        story.end("a", 2.0)
        more(run, story, seen)
        assert process.wait(60) == 0  # the run continues, the job has ended
        stamps = process.stderr.read().decode().splitlines()
        process.stdout.close()
        process.stderr.close()
    assert [line.split("Z")[-1] for line in stamps] == [
        ", running",
        ", 1.0s, failed: exit code 1",
        ", running",
        ", 1.0s, succeeded",
    ]


def test_following_a_run_shows_new_attempts_and_ends_when_no_process_drives_it(pexec: Pexec) -> None:
    story = Story(plan(job("done"), job("a"), job("b")))
    story.start("done", 0.0)
    story.end("done", 0.5)
    story.start("a", 0.5)
    run = start(pexec.folder / ".pexec/runs", story, logs={"logs/done.1.log": b"done\n"})
    seen = len(story.events)
    process = pexec.start("logs", "--follow", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    Path(run.path, "logs/a.1.log").write_bytes(b"a\n")
    assert process.stdout.readline() == b"a\n"
    story.start("b", 1.0)
    Path(run.path, "logs/b.1.log").write_bytes(b"b\n")
    more(run, story, seen)
    assert process.stdout.readline() == b"b\n"
    run.close()
    stdout, _ = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (0, b"")


def test_the_time_of_an_attempt_is_that_between_its_start_and_its_end(pexec: Pexec) -> None:
    story = Story(plan(job("cleaned")))
    story.start("cleaned", 0.0)
    story.end("cleaned", 1.25, duration_seconds=0.25)
    story.finish(1.25)
    record(pexec.folder / ".pexec/runs", story, logs={"logs/cleaned.1.log": b""})
    assert ", ended 2026-01-02T03:04:06.250000Z, 1.2s, succeeded" in pexec.run("logs").stderr
