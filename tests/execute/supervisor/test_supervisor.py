"""Lack of descriptors, processes or time makes attempts wait; it never fails one."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.attempts import Desk, state_of, the_warden_below, wait_until, wardens_below
from support.host import HAS_BUBBLEWRAP, PROCESS, SANDBOXES, isolated_by

from orchestrator.engine.states import Verdict
from orchestrator.execute.sandbox.policy import Mechanism
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.warden import processes
from orchestrator.plan.model import Isolation


def test_many_attempts_at_once_do_not_disturb_each_other(desk: Desk) -> None:
    attempts = [desk.start(run=f"echo {number}; exit {number % 3}") for number in range(200)]
    assert [(attempt.result.exit_code, attempt.log) for attempt in attempts] == [
        (number % 3, f"{number}\n".encode()) for number in range(200)
    ]


def test_a_channel_serves_one_attempt_after_the_other(desk: Desk) -> None:
    desk.run(run="true")
    desk.run(run="echo x", pump=True)
    before = os.listdir("/proc/self/fd")
    for _ in range(20):
        desk.run(run="true")
        desk.run(run="echo x", pump=True)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_lack_of_descriptors_delays_attempts_and_fails_none(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Desk(tmp_path) as desk:
        desk.run(run="true")
        warden = the_warden_below(os.getpid())
        resource.prlimit(warden, resource.RLIMIT_NOFILE, (24, before[1]))
        attempts = [desk.start(run="sleep 0.05", pump=number % 2 == 1) for number in range(20)]
        assert {attempt.result.reason for attempt in attempts} == {""}
        assert wardens_below(os.getpid()) == [warden]


@pytest.mark.parametrize("level", [PROCESS, *SANDBOXES[:1]])
def test_lack_of_descriptors_delays_isolated_attempts_too(tmp_path: Path, level: tuple[Isolation, Mechanism]) -> None:
    """Each takes more of them, and what it holds must leave as much room as a log does."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Desk(tmp_path) as desk:
        isolated_by(desk, level)
        warden = the_warden_below(os.getpid())
        resource.prlimit(warden, resource.RLIMIT_NOFILE, (30, before[1]))
        attempts = [desk.start(run="until test -e go; do sleep 0.05; done") for _ in range(12)]
        assert wait_until(lambda: highest_descriptor(warden) > 15)
        time.sleep(0.5)  # some wait for room now, and take descriptors for a moment when they ask again
        leaves_room = wait_until(lambda: highest_descriptor(warden) < 30 - 8)
        (desk.work / "go").touch()
        assert {attempt.result.reason for attempt in attempts} == {""}
        assert wardens_below(os.getpid()) == [warden]
        assert leaves_room


def highest_descriptor(pid: int) -> int:
    return max(map(int, os.listdir(f"/proc/{pid}/fd")))


@pytest.mark.skipif(not HAS_BUBBLEWRAP, reason="this machine has no bubblewrap")
@pytest.mark.parametrize("want", [errno.EAGAIN, errno.EMFILE])
def test_bubblewrap_that_finds_no_room_is_started_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, want: int
) -> None:
    """It says so in a text alone."""
    tries, bubblewrap = tmp_path / "tries", tmp_path / "bin" / "bwrap"
    tries.touch()
    bubblewrap.parent.mkdir()
    bubblewrap.write_text(
        f"#!/bin/sh\necho x >> {tries}\n"
        f"case $(wc -l < {tries}) in 2 | 3) echo 'bwrap: cannot: {os.strerror(want)}' >&2; exit 1; esac\n"
        f'exec {shutil.which("bwrap")} "$@"\n'
    )
    bubblewrap.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bubblewrap.parent}:{os.environ['PATH']}")
    (tmp_path / "desk").mkdir()
    with Desk(tmp_path / "desk") as desk:
        isolated_by(desk, (Isolation.SANDBOX, Mechanism.BUBBLEWRAP))
        attempt = desk.run(run="echo done")
        assert (attempt.result.reason, attempt.log) == ("", b"done\n")
        assert tries.read_text().split() == ["x"] * 4, "the trial, and the job three times"


IN_NARROW_LIMITS = """
import resource, sys
from pathlib import Path
from support.attempts import Desk
resource.setrlimit(resource.RLIMIT_RTTIME, (10**6, 10**6))
with Desk(Path(sys.argv[1])) as desk:
    print(desk.run(run="sleep 20 & echo hello").log, desk.supervisor.degraded())
"""


def test_a_host_that_leaves_no_room_for_tags_runs_jobs_and_says_what_is_missing(tmp_path: Path, desk: Desk) -> None:
    assert desk.supervisor.degraded() == ()
    (tmp_path / "narrow").mkdir()
    argv = [sys.executable, "-c", IN_NARROW_LIMITS, str(tmp_path / "narrow")]
    support = str(Path(__file__).parents[2])
    run = subprocess.run(argv, env={**os.environ, "PYTHONPATH": support}, capture_output=True, timeout=60, check=True)
    what = "processes that leave their job's process tree end with the run, not with their job"
    why = "a hard limit on real-time CPU use (RLIMIT_RTTIME) is set"
    assert run.stdout.decode() == f"{b'hello' + bytes([10])!r} {((what, why),)!r}\n"


def test_closing_twice_is_closing_once() -> None:
    supervisor = Supervisor()
    warden = the_warden_below(os.getpid())
    supervisor.close()
    supervisor.close()
    assert state_of(warden) == "Z"
    assert wait_until(lambda: wardens_below(os.getpid()) == [])


def test_far_more_attempts_at_once_than_the_sockets_hold_words_for_all_end(desk: Desk) -> None:
    many = [desk.prepare(run="true", env={"FILLING": "x" * 4000}) for _ in range(400)]
    for attempt in many:
        desk.submit(attempt)
    assert {attempt.result.verdict for attempt in many} == {Verdict.SUCCEEDED}


@pytest.mark.parametrize("desk", ["direct"], indirect=True)
def test_a_request_that_is_too_large_for_a_packet_goes_another_way(desk: Desk) -> None:
    attempt = desk.run(run="printf %s ${#FILLING}", env={"FILLING": "x" * 100_000})
    assert attempt.log == b"100000"


def test_a_child_of_unknown_origin_does_not_delay_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "600"]) as child, Desk(tmp_path) as desk:
        desk.run(run="true")
        # As of a process that has just gone, or is another user's.
        monkeypatch.setattr(processes, "tag_of", lambda pid: None)
        desk.supervisor.close()
        assert child.poll() is None, "it would end after ten minutes"
        child.kill()


def test_a_program_that_ignores_the_ends_of_its_children_can_run_jobs(desk: Desk) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert desk.run(run="(exit 7) || echo $?").log == b"7\n"
        desk.supervisor.close()
    finally:
        signal.signal(signal.SIGCHLD, before)
