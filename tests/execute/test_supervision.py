"""Want of descriptors, processes or time makes attempts wait; it never fails one."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from support.attempts import Desk, state_of, the_warden_below, wait_until, wardens_below

from orchestrator.engine.states import Verdict
from orchestrator.execute.supervision import Supervision


def test_many_attempts_at_once_do_not_disturb_each_other(desk: Desk) -> None:
    attempts = [desk.start(run=f"echo {number}; exit {number % 3}") for number in range(200)]
    assert [(attempt.result.exit_code, attempt.log) for attempt in attempts] == [
        (number % 3, f"{number}\n".encode()) for number in range(200)
    ]


def test_a_channel_serves_one_attempt_after_the_other(desk: Desk) -> None:
    desk.run(run="true")
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


def test_closing_twice_is_closing_once() -> None:
    supervision = Supervision()
    warden = the_warden_below(os.getpid())
    supervision.close()
    supervision.close()
    assert state_of(warden) == "Z"
    assert wait_until(lambda: wardens_below(os.getpid()) == [])
