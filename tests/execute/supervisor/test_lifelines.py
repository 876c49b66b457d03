"""What ends everything that a warden runs besides the end of its parent: another process's end, the end of a lease."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import Attempt, Desk, survivors, the_warden_below

from orchestrator.engine.states import Verdict
from orchestrator.execute.warden.lifelines import Lifelines

UNHEARD = "its worker heard nothing of pexec for as long as the lease"
CLOCKS = [time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path) as desk:
        yield desk


def long_job(desk: Desk) -> Attempt:
    attempt = desk.start(run="echo ready; sleep 600")
    attempt.wait_for_output()
    return attempt


@pytest.mark.parametrize("clock", CLOCKS)
def test_all_attempts_are_lost_and_dead_when_the_lease_ends(desk: Desk, clock: int) -> None:
    warden = desk.supervisor.warden
    warden.lease(clock, time.clock_gettime(clock) + 3600)
    attempts = [long_job(desk) for _ in range(2)]
    until = time.clock_gettime(clock) + 0.2
    warden.lease(clock, until)
    for attempt in attempts:
        assert (attempt.result.verdict, attempt.result.reason) == (Verdict.LOST, UNHEARD)
        assert time.clock_gettime(clock) >= until
        assert survivors(attempt.mark) == set()


def test_a_lease_that_is_prolonged_ends_nothing(desk: Desk) -> None:
    warden = desk.supervisor.warden
    attempt = desk.start(run="echo ready; until test -e go; do sleep 0.02; done")
    attempt.wait_for_output()
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    for seconds in range(20):
        warden.lease(time.CLOCK_BOOTTIME, now + 60 + seconds)
    (desk.work / "go").touch()
    assert attempt.result.verdict is Verdict.SUCCEEDED


def test_nothing_starts_without_a_lease_that_lasts_and_the_next_lease_lets_attempts_start(desk: Desk) -> None:
    warden = desk.supervisor.warden
    for _ in range(2):
        warden.lease(time.CLOCK_BOOTTIME, 1.0)  # long ago
        refused = desk.start(run="touch ran").result
        assert (refused.verdict, refused.reason) == (Verdict.LOST, UNHEARD)
        assert not (desk.work / "ran").exists()
    warden.lease(time.CLOCK_BOOTTIME, time.clock_gettime(time.CLOCK_BOOTTIME) + 3600)
    assert desk.start(run="true").result.verdict is Verdict.SUCCEEDED


def test_attempts_that_stand_still_end_with_the_lease_too(desk: Desk) -> None:
    attempt = long_job(desk)
    desk.supervisor.warden.pause()
    desk.supervisor.warden.lease(time.CLOCK_BOOTTIME, time.clock_gettime(time.CLOCK_BOOTTIME) + 0.1)
    assert attempt.result.verdict is Verdict.LOST
    assert survivors(attempt.mark) == set()


def test_everything_ends_with_the_process_that_is_watched(desk: Desk) -> None:
    with subprocess.Popen(["sleep", "600"]) as watched:
        handle = os.pidfd_open(watched.pid)
        desk.supervisor.warden.end_with(handle)
        attempt = long_job(desk)
        watched.kill()
    assert attempt.result.verdict is Verdict.LOST
    assert survivors(attempt.mark) == set()
    os.close(handle)


def test_a_warden_that_takes_the_place_of_a_dead_one_knows_the_lease_and_the_process_too(desk: Desk) -> None:
    with subprocess.Popen(["sleep", "600"]) as watched:
        handle = os.pidfd_open(watched.pid)
        desk.supervisor.warden.end_with(handle)
        desk.supervisor.warden.lease(time.CLOCK_BOOTTIME, time.clock_gettime(time.CLOCK_BOOTTIME) + 3600)
        attempt = long_job(desk)
        os.kill(the_warden_below(os.getpid()), signal.SIGKILL)
        assert attempt.result.verdict is Verdict.LOST
        attempt = long_job(desk)
        watched.kill()
    assert attempt.result.verdict is Verdict.LOST
    assert survivors(attempt.mark) == set()
    os.close(handle)


def test_a_lease_on_a_clock_that_there_is_not_is_an_error() -> None:
    with pytest.raises(OSError, match="cannot open a timer"):
        Lifelines(os.getpid(), lambda descriptor, handler: None, lambda: None).lease(99, 1.0)


def test_a_lease_without_end_ends_nothing(desk: Desk) -> None:
    desk.supervisor.warden.lease(time.CLOCK_BOOTTIME, float("inf"))
    assert desk.run(run="true").result.verdict is Verdict.SUCCEEDED
