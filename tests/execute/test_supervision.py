"""Want of descriptors, processes or time makes attempts wait; it never fails one."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.attempts import Desk, state_of, the_warden_below, wait_until, wardens_below

from orchestrator.engine.states import Verdict
from orchestrator.execute.supervision import Supervision
from orchestrator.execute.warden import processes


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


def test_want_of_descriptors_delays_attempts_and_fails_none(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Desk(tmp_path) as desk:
        desk.run(run="true")
        warden = the_warden_below(os.getpid())
        resource.prlimit(warden, resource.RLIMIT_NOFILE, (24, before[1]))
        attempts = [desk.start(run="sleep 0.05", pump=number % 2 == 1) for number in range(20)]
        assert {attempt.result.reason for attempt in attempts} == {""}
        assert wardens_below(os.getpid()) == [warden]


IN_NARROW_LIMITS = """
import resource, sys
from pathlib import Path
from support.attempts import Desk
resource.setrlimit(resource.RLIMIT_RTTIME, (10**6, 10**6))
with Desk(Path(sys.argv[1])) as desk:
    print(desk.run(run="sleep 20 & echo hello").log, desk.supervision.degraded())
"""


def test_a_host_that_leaves_no_room_for_tags_runs_jobs_and_says_what_is_missing(tmp_path: Path, desk: Desk) -> None:
    assert desk.supervision.degraded() == ()
    (tmp_path / "narrow").mkdir()
    argv = [sys.executable, "-c", IN_NARROW_LIMITS, str(tmp_path / "narrow")]
    support = str(Path(__file__).parent.parent)
    run = subprocess.run(argv, env={**os.environ, "PYTHONPATH": support}, capture_output=True, timeout=30, check=True)
    what = "processes that leave their job's process tree end with the run, not with their job"
    why = "a hard limit on real-time CPU use (RLIMIT_RTTIME) is set"
    assert run.stdout.decode() == f"{b'hello' + bytes([10])!r} {((what, why),)!r}\n"


def test_closing_twice_is_closing_once() -> None:
    supervision = Supervision()
    warden = the_warden_below(os.getpid())
    supervision.close()
    supervision.close()
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


def test_a_child_of_which_nobody_knows_whose_it_is_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["sleep", "60"]) as child, Desk(tmp_path) as desk:
        desk.run(run="true")
        # As of a process that has just gone, or is another user's.
        monkeypatch.setattr(processes, "tag_of", lambda pid: None)
        began = time.monotonic()
        desk.supervision.close()
        assert time.monotonic() - began < 3
        assert child.poll() is None
        child.kill()
