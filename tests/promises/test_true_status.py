"""true-status: the end of a job is reported exactly, and the same at every level of isolation."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.attempts import Attempt, Desk, evil_in, marked, survivors, wait_until
from support.cli import Pexec
from support.host import LEVELS, LEVELS_HERE, isolated_by
from support.runs import last_run

from orchestrator.engine.states import Verdict
from orchestrator.plan.model import Limits

FAILED, SUCCEEDED = Verdict.FAILED, Verdict.SUCCEEDED
SOME = Limits(open_files=200)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Runs attempts at one level of isolation."""
    with Desk(tmp_path) as desk:
        isolated_by(desk, request.param)
        yield desk


def seen(attempt: Attempt) -> tuple[object, ...]:
    result = attempt.result
    return result.verdict, result.reason, result.exit_code, result.signal


def test_every_exit_code_and_every_signal_is_that_of_the_job(level: Desk) -> None:
    for code in (0, 1, 2, 126, 127, 128 + 9, 255):
        reason = f"exit code {code}" if code else ""
        assert seen(level.run(run=f"exit {code}")) == (FAILED if code else SUCCEEDED, reason, code, None)
    for number in (9, 11, 15, 37):
        name = signal.Signals(number).name if number < 32 else f"SIG{number}"
        assert seen(level.run(run=f"kill -{number} $$")) == (FAILED, f"killed by {name}", None, name)


def test_a_run_records_each_end_in_its_journal_and_its_results(pexec: Pexec) -> None:
    codes, numbers = (0, 1, 2, 126, 127, 255), (9, 11, 15)
    cannot = {"missing": 127, "text": 126, "bad": 127, "folder": 126}
    pexec.file("text", "text").file("bad", "#!/no/such/x\n").file("folder/file", "")
    (pexec.folder / "bad").chmod(0o755)
    jobs = [
        *(f"  exit-{code}: {{run: exit {code}}}\n" for code in codes),
        *(f"  kill-{number}: {{run: kill -{number} $$}}\n" for number in numbers),
        *(f"  {name}: {{argv: [./{name}]}}\n" for name in cannot),
    ]
    pexec.file("pexec.yaml", f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{''.join(jobs)}")
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    run = last_run(pexec.folder).check()
    expected: dict[str, tuple[str, int | None, str | None]] = {
        **{f"exit-{code}": ("failed" if code else "succeeded", code, None) for code in codes},
        **{f"kill-{number}": ("failed", None, signal.Signals(number).name) for number in numbers},
        **{name: ("failed", code, None) for name, code in cannot.items()},
    }
    ends = run.named("attempt.finished")
    assert {end["job"]: (end["verdict"], end["exit_code"], end["signal"]) for end in ends} == expected
    assert {job: (ended["exit_code"], ended["signal"]) for job, ended in run.jobs.items()} == {
        job: end[1:] for job, end in expected.items()
    }


@pytest.mark.parametrize("limits", [{}, {"limits": SOME}], ids=["plain", "limited"])
def test_each_reason_why_a_command_cannot_be_started_is_distinguished(level: Desk, limits: dict[str, Any]) -> None:
    for name, content, mode in (
        ("text", b"text", 0o644),
        ("bad", b"#!/no/such/x -y\n", 0o755),
        ("none", b"hello", 0o755),
    ):
        (level.work / name).write_bytes(content)
        (level.work / name).chmod(mode)
    (level.work / "folder").mkdir()
    for argv, reason, code in (
        (("no-such-command",), "`no-such-command` was not found", 127),
        (("./missing",), "`./missing` was not found", 127),
        (("./text",), "`./text` is not executable", 126),
        (("./folder",), "`./folder` is a directory", 126),
        (("./bad",), "its interpreter `/no/such/x` cannot be run", 127),
        (("./none",), "`./none` is not a program and has no `#!` line", 126),
        (("true", "a\0b"), "the command cannot be started: embedded null byte", 126),
        (("true", "x" * 200_000), "arguments and environment exceed the system's limit", 126),
    ):
        attempt = level.run(argv=argv, **limits)
        assert (seen(attempt), attempt.spawned, attempt.log) == ((FAILED, reason, code, None), [], b"")


def test_a_timeout_reaches_the_job_itself_and_kills_one_that_ignores_it(tmp_path: Path) -> None:
    """All levels at the same time, since it takes a while."""
    trap = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.02; done"
    with ExitStack() as stack:
        attempts: dict[str, list[Attempt]] = {}
        for name, level in LEVELS_HERE.items():
            (tmp_path / name).mkdir()
            desk = stack.enter_context(Desk(tmp_path / name))
            isolated_by(desk, level)
            deaf = desk.start(argv=evil_in(desk.work, "ignore_term.py", "{mark}"), timeout=5.0, grace=0.2)
            attempts[name] = [desk.start(run=trap, timeout=5.0), deaf]
        over = Verdict.TIMED_OUT, "ran longer than 5s"
        for name, (polite, deaf) in attempts.items():
            assert (seen(polite), polite.log.splitlines()[-1]) == ((*over, 5, None), b"bye"), name
            assert seen(deaf) == (*over, None, "SIGKILL"), name
            assert (deaf.result.leftover_killed, survivors(deaf.mark)) == (0, set()), name


def test_a_job_that_is_stopped_on_request_is_reported_as_such(level: Desk) -> None:
    attempt = level.start(run="trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done")
    attempt.wait_for_output()
    level.supervisor.warden.kill(attempt.spec.serial, force=False)
    assert seen(attempt) == (Verdict.KILLED, "stopped on request", 3, None)


LARGE = """\
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
block = bytearray(200_000_000)
block[::4096] = bytes(len(block[::4096]))
print("ready", flush=True)
time.sleep(600)
"""


def test_a_large_job_that_takes_a_while_to_die_is_reported_like_any_other(level: Desk) -> None:
    attempt = level.start(argv=("python3", "-I", "-S", "-c", LARGE), grace=0.05)
    attempt.wait_for_output()
    level.supervisor.warden.kill(attempt.spec.serial, force=False)
    assert seen(attempt) == (Verdict.KILLED, "stopped on request", None, "SIGKILL")
    assert attempt.result.leftover_killed == 0
    assert attempt.result.max_rss_bytes > 200_000_000


def test_a_job_that_closes_its_output_still_ends(level: Desk) -> None:
    attempt = level.run(run="exec >&- 2>&-; exit 4")
    assert seen(attempt) == (FAILED, "exit code 4", 4, None)


def test_processes_that_a_job_leaves_behind_are_killed_and_counted(level: Desk) -> None:
    attempt = level.run(argv=evil_in(level.work, "daemon.py", "{mark}"))
    assert (seen(attempt)[0], attempt.result.leftover_killed) == (SUCCEEDED, 1)
    assert survivors(attempt.mark) == set()


def test_a_process_that_still_writes_when_the_job_has_ended_may_finish(level: Desk) -> None:
    """It has half a second, which a busy machine may take from one of five, but not from all."""
    attempts = (level.run(run="(sleep 0.05; echo late) & echo early", pump=True) for _ in range(5))
    assert any((attempt.log, attempt.result.leftover_killed) == (b"early\nlate\n", 0) for attempt in attempts)


def test_usage_and_duration_are_those_of_the_job(level: Desk) -> None:
    result = level.run(run="python3 -c 'x = b\"x\" * 60_000_000\nfor n in range(3_000_000): pass'; sleep 0.1").result
    assert 0.1 <= result.duration_seconds < 60
    assert 0.05 <= result.cpu_seconds < 10
    assert 60_000_000 <= result.max_rss_bytes < 120_000_000


def test_the_log_contains_the_bytes_of_the_job_and_nothing_else(level: Desk) -> None:
    attempt = level.run(run="head -c 300000 /dev/zero; echo one >>/dev/stderr; echo two >>/dev/stdout")
    assert attempt.log == bytes(300_000) + b"one\ntwo\n"


def test_a_kill_that_comes_before_the_isolation_is_ready_takes_effect(level: Desk) -> None:
    attempts = [level.prepare(run="sleep 20 # {mark}") for _ in range(5)]
    for number, attempt in enumerate(attempts):
        level.submit(attempt)
        time.sleep(number * 0.005)  # at several moments of its start
        level.supervisor.warden.kill(attempt.spec.serial, force=False)
    assert {attempt.result.verdict for attempt in attempts} == {Verdict.KILLED}
    assert {attempt.result.signal for attempt in attempts} <= {None, "SIGTERM"}, "none needed all of its grace period"
    assert wait_until(lambda: not any(marked(attempt.mark) for attempt in attempts))
