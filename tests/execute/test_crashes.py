"""When pexec or its warden is killed, no process of a job survives; and what can continue, continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from support.attempts import (
    PLAY_PEXEC,
    Desk,
    evil,
    marked,
    new_mark,
    state_of,
    survivors,
    the_warden_below,
    wait_until,
    wardens_below,
)

from orchestrator.engine.states import Verdict
from orchestrator.execute.supervisor import warden_process


@pytest.mark.parametrize("stopped_first", [False, True])
def test_nothing_survives_a_killed_pexec(tmp_path: Path, stopped_first: bool) -> None:
    mark = new_mark()
    argv = [sys.executable, str(PLAY_PEXEC), str(tmp_path), mark]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as pexec:
        assert pexec.stdout is not None
        assert pexec.stdout.readline() == b"ready\n"
        assert len(marked(mark)) > 30
        warden = the_warden_below(pexec.pid)
        if stopped_first:
            pexec.send_signal(signal.SIGSTOP)
        pexec.kill()
        pexec.wait()
        assert survivors(mark) == set()
        assert wait_until(lambda: state_of(warden) == "Z")


def test_nothing_survives_a_killed_warden_and_its_attempts_are_lost(desk: Desk) -> None:
    attempts = [
        desk.start(argv=argv, grace=20.0)
        for argv in (
            evil("ignore_term.py", "{mark}"),
            evil("fork_bomb.py", "{mark}"),
            ("sh", "-c", "kill -STOP $$", "{mark}"),
            ("sh", "-c", f"{' '.join(evil('daemon.py'))} {{mark}}; sleep 600", "{mark}"),
        )
    ]
    assert wait_until(lambda: all(attempt.spawned for attempt in attempts))
    attempts[0].wait_for_output()
    attempts[1].wait_for_output()
    assert wait_until(lambda: len(marked(attempts[3].mark)) == 2)
    warden = the_warden_below(os.getpid())
    os.kill(warden, signal.SIGKILL)
    for attempt in attempts:
        assert (attempt.result.verdict, attempt.result.reason) == (
            Verdict.LOST,
            "the process that starts jobs died",
        )
        assert survivors(attempt.mark) == set()


def test_the_next_attempt_after_a_killed_warden_gets_a_new_one(desk: Desk) -> None:
    desk.run(run="true")
    warden = the_warden_below(os.getpid())
    os.kill(warden, signal.SIGKILL)
    attempt = desk.run(run="echo hello")
    assert (attempt.result.verdict, attempt.log) == (Verdict.SUCCEEDED, b"hello\n")
    assert wardens_below(os.getpid()) not in ([], [warden])


def test_wardens_that_jobs_kill_are_started_again_for_the_others(desk: Desk) -> None:
    for _ in range(4):
        attempt = desk.start(run="sleep 600")
        assert wait_until(partial(bool, attempt.spawned))
        os.kill(the_warden_below(os.getpid()), signal.SIGKILL)
        assert attempt.result.verdict is Verdict.LOST
    assert desk.run(run="true").result.verdict is Verdict.SUCCEEDED


def test_wardens_that_die_before_they_read_a_request_are_not_restarted_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run(run="true")
    monkeypatch.setattr(warden_process, "_PROGRAM", os.devnull)
    os.kill(the_warden_below(os.getpid()), signal.SIGKILL)
    for _ in range(2):
        assert desk.run(run="true").result.verdict is Verdict.LOST
    assert wardens_below(os.getpid()) == []


def test_a_signal_that_could_be_meant_for_pexec_does_not_end_the_warden(desk: Desk) -> None:
    desk.run(run="true")
    warden = the_warden_below(os.getpid())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTSTP):
        os.kill(warden, number)
    assert desk.run(run="true").result.verdict is Verdict.SUCCEEDED
    assert wardens_below(os.getpid()) == [warden]


def test_closing_ends_running_attempts_as_lost(desk: Desk) -> None:
    attempt = desk.start(argv=evil("ignore_term.py", "{mark}"), grace=600.0)
    attempt.wait_for_output()
    began = time.monotonic()
    desk.supervisor.close()
    assert (attempt.result.verdict, attempt.result.reason) == (Verdict.LOST, "pexec is ending")
    assert survivors(attempt.mark) == set()
    assert time.monotonic() - began < 60, "the grace does not count"
    assert desk.run(run="true").result.verdict is Verdict.LOST


def test_closing_ends_a_stopped_warden(desk: Desk) -> None:
    attempt = desk.start(argv=evil("ignore_term.py", "{mark}"), grace=600.0)
    attempt.wait_for_output()
    warden = the_warden_below(os.getpid())
    os.kill(warden, signal.SIGSTOP)
    began = time.monotonic()
    desk.supervisor.close()
    assert time.monotonic() - began < 60, "nor is it waited for"
    assert attempt.result.verdict is Verdict.LOST
    assert survivors(attempt.mark) == set()
