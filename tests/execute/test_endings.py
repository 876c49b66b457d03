"""The result of an attempt is exact: exit code, signal, or why nothing could be started."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from support.attempts import Desk, evil, marked, survivors, wait_until

from orchestrator.engine.states import Verdict


@pytest.mark.parametrize(
    ("script", "verdict", "reason", "exit_code", "signal"),
    [
        ("exit 0", Verdict.SUCCEEDED, "", 0, None),
        ("exit 1", Verdict.FAILED, "exit code 1", 1, None),
        ("exit 2", Verdict.FAILED, "exit code 2", 2, None),
        ("exit 126", Verdict.FAILED, "exit code 126", 126, None),
        ("exit 127", Verdict.FAILED, "exit code 127", 127, None),
        ("exit 255", Verdict.FAILED, "exit code 255", 255, None),
        ("no-such-command", Verdict.FAILED, "exit code 127", 127, None),
        ("kill -9 $$", Verdict.FAILED, "killed by SIGKILL", None, "SIGKILL"),
        ("kill -11 $$", Verdict.FAILED, "killed by SIGSEGV", None, "SIGSEGV"),
        ("kill -15 $$", Verdict.FAILED, "killed by SIGTERM", None, "SIGTERM"),
        ("kill -37 $$", Verdict.FAILED, "killed by SIG37", None, "SIG37"),
    ],
)
def test_exit_codes_and_signals_are_distinguished(
    desk: Desk, script: str, verdict: Verdict, reason: str, exit_code: int | None, signal: str | None
) -> None:
    result = desk.run(run=script).result
    assert (result.verdict, result.reason, result.exit_code, result.signal) == (verdict, reason, exit_code, signal)


def _file(folder: Path, name: str, content: bytes, mode: int) -> None:
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("job", "reason", "exit_code"),
    [
        ({"argv": ("no-such-command",)}, "`no-such-command` was not found", 127),
        ({"argv": ("./missing",)}, "`./missing` was not found", 127),
        ({"argv": ("./text/missing",)}, "`./text/missing` was not found", 127),
        ({"argv": ("./text",)}, "`./text` is not executable", 126),
        ({"argv": ("text",), "env": {"PATH": "."}}, "`text` is not executable", 126),
        ({"argv": ("./folder",)}, "`./folder` is a directory", 126),
        ({"argv": ("./bad-shebang",)}, "its interpreter `/no/such/interpreter` cannot be run", 127),
        ({"argv": ("./no-shebang",)}, "`./no-shebang` is not a program and has no `#!` line", 126),
        ({"argv": ("true", "a\0b")}, "the command cannot be started: embedded null byte", 126),
        ({"argv": ("true", "x" * 200_000)}, "arguments and environment exceed the system's limit", 126),
        ({"argv": ("x" * 100_000,)}, f"`{'x' * 1000}` was not found", 127),
        ({"argv": ("",)}, "`` was not found", 127),
        ({"run": "true", "shell": ("no-such-shell",)}, "`no-such-shell` was not found", 127),
    ],
)
def test_a_command_that_cannot_be_started_is_a_failure_with_the_reason(
    desk: Desk, job: dict[str, Any], reason: str, exit_code: int
) -> None:
    _file(desk.work, "text", b"text", 0o644)
    _file(desk.work, "bad-shebang", b"#!/no/such/interpreter -x\n", 0o755)
    _file(desk.work, "no-shebang", b"echo hello\n", 0o755)
    (desk.work / "folder").mkdir()
    attempt = desk.run(**job)
    result = attempt.result
    assert (result.verdict, result.reason, result.exit_code, result.signal, result.pid) == (
        Verdict.FAILED,
        reason,
        exit_code,
        None,
        None,
    )
    assert (attempt.spawned, attempt.log) == ([], b"")


def test_a_missing_working_directory_is_a_failure_with_the_reason(desk: Desk) -> None:
    result = desk.run(run="true", working_dir="missing").result
    expected = f"the working directory `{desk.work}/missing` cannot be entered: no such file or directory"
    assert (result.verdict, result.reason, result.exit_code) == (Verdict.FAILED, expected, 126)


def test_a_log_that_exists_already_is_never_written_over(desk: Desk) -> None:
    attempt = desk.prepare(run="echo new")
    Path(attempt.spec.log).write_bytes(b"old")
    result = desk.submit(attempt).result
    assert (result.verdict, result.reason) == (
        Verdict.LOST,
        f"the log `{attempt.spec.log}` cannot be written: file exists",
    )
    assert attempt.log == b"old"


@pytest.mark.parametrize("pump", [False, True])
def test_a_link_that_was_planted_for_the_log_is_not_followed(desk: Desk, pump: bool) -> None:
    attempt = desk.prepare(run="echo new", pump=pump)
    os.symlink(desk.work / "target", attempt.spec.log)
    assert desk.submit(attempt).result.verdict is Verdict.LOST
    assert os.listdir(desk.work) == []


def test_the_process_is_announced_with_its_pid_and_its_start_time(desk: Desk) -> None:
    attempt = desk.start(run="cut -d' ' -f22 /proc/$$/stat; until test -e go; do sleep 0.02; done")
    assert wait_until(lambda: attempt.spawned)
    announced_while_it_ran = attempt.future is not None and not attempt.future.done()
    (desk.work / "go").touch()
    result = attempt.result
    [(pid, start_ticks)] = attempt.spawned
    assert announced_while_it_ran
    assert (pid, f"{start_ticks}\n".encode()) == (result.pid, attempt.log)


def test_start_times_are_right_for_every_job(desk: Desk) -> None:
    attempts = [desk.start(argv=("cut", "-d ", "-f22", "/proc/self/stat")) for _ in range(40)]
    assert [attempt.result.verdict for attempt in attempts] == [Verdict.SUCCEEDED] * 40
    assert [f"{attempt.spawned[0][1]}\n".encode() for attempt in attempts] == [attempt.log for attempt in attempts]


def test_usage_is_that_of_the_whole_job_and_of_nothing_else(desk: Desk) -> None:
    ballast = b"x" * 200_000_000  # a large pexec must not show in what its jobs are said to use
    small = desk.run(run="true").result
    large = desk.run(argv=evil("eat.py", str(100_000_000), "0.4")).result
    assert len(ballast) == 200_000_000
    assert small.max_rss_bytes < 40_000_000
    assert 100_000_000 < large.max_rss_bytes < 140_000_000
    assert small.cpu_seconds < 0.2
    assert 0.4 <= large.cpu_seconds < 1.2
    assert large.duration_seconds >= large.cpu_seconds / 2


def test_a_daemon_ends_with_its_job_and_only_with_its_own(desk: Desk) -> None:
    other = desk.start(run="echo ready; sleep 600; : {mark}")
    other.wait_for_output()
    attempt = desk.run(argv=evil("daemon.py", "{mark}"))
    assert (attempt.result.verdict, attempt.result.leftover_killed) == (Verdict.SUCCEEDED, 1)
    assert survivors(attempt.mark) == set()
    assert other.future is not None
    assert not other.future.done()


def test_a_daemon_of_a_running_job_is_left_alone_when_another_job_ends(desk: Desk) -> None:
    python, flags = sys.executable, "-I -S"
    daemon = f"{python} {flags} {evil('daemon.py')[3]} {{mark}}"
    os.mkfifo(desk.work / "go")
    attempt = desk.start(run=f"{daemon}; echo ready; read line < go")
    attempt.wait_for_output()
    assert desk.run(run="true").result.leftover_killed == 0
    (desk.work / "go").write_text("\n")
    assert (attempt.result.verdict, attempt.result.leftover_killed) == (Verdict.SUCCEEDED, 1)
    assert survivors(attempt.mark) == set()


def test_what_hides_whose_it_is_ends_with_the_run(desk: Desk) -> None:
    attempt = desk.run(argv=evil("daemon.py", "limit=12345", "{mark}"))
    assert (attempt.result.verdict, attempt.result.leftover_killed) == (Verdict.SUCCEEDED, 0)
    desk.run(run="true")
    assert not wait_until(lambda: not marked(attempt.mark), 0.2)
    desk.supervisor.close()
    assert survivors(attempt.mark) == set()


def test_what_drains_the_output_of_an_ended_job_may_finish(desk: Desk) -> None:
    """It has half a second, which a busy machine may take from one of five, but not from all."""
    attempts = (desk.run(run="(sleep 0.01; echo last words) & exit 0") for _ in range(5))
    assert any((attempt.log, attempt.result.leftover_killed) == (b"last words\n", 0) for attempt in attempts)
