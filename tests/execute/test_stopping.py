"""Timeouts and requests to stop: TERM, then the grace, then KILL for all processes of the job."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest
from support.attempts import (
    LONGEST_WAIT,
    PLAY_PEXEC,
    Desk,
    evil,
    marked,
    state_of,
    survivors,
    the_warden_below,
    wait_until,
)

from orchestrator.engine.states import Verdict
from orchestrator.execute.warden import protocol


def test_a_job_that_ignores_term_is_killed_after_its_grace(desk: Desk) -> None:
    began = time.monotonic()
    attempt = desk.run(argv=evil("ignore_term.py", "{mark}"), timeout=4.0, grace=1.0)
    took = time.monotonic() - began
    result = attempt.result
    assert (result.verdict, result.reason, result.exit_code, result.signal) == (
        Verdict.TIMED_OUT,
        "ran longer than 4s",
        None,
        "SIGKILL",
    )
    assert 4.9 < took < 60
    assert survivors(attempt.mark) == set()


def test_a_job_that_traps_term_may_end_in_its_own_way_within_the_grace(desk: Desk) -> None:
    script = "trap 'sleep 0.2; echo cleaned up; exit 5' TERM; echo ready; while :; do sleep 0.02; done"
    attempt = desk.run(run=script, timeout=3.0, grace=60.0)
    result = attempt.result
    assert (result.verdict, result.exit_code, result.signal) == (Verdict.TIMED_OUT, 5, None)
    assert attempt.log.endswith(b"cleaned up\n")


def test_an_attempt_ends_as_soon_as_its_processes_are_gone(desk: Desk) -> None:
    attempt = desk.run(run="sleep 600 & sleep 600; : {mark}", timeout=0.3, grace=600.0)
    assert (attempt.result.verdict, attempt.result.signal) == (Verdict.TIMED_OUT, "SIGTERM")
    assert attempt.result.leftover_killed == 0


def test_the_grace_is_for_every_process_of_the_job_not_only_for_the_first(desk: Desk) -> None:
    inner = "trap 'sleep 0.3; echo drained; exit 0' TERM; echo ready; while :; do sleep 0.02; done"
    attempt = desk.start(run=f'sh -c "{inner}" {{mark}} & wait', grace=20.0)
    attempt.wait_for_output()
    desk.supervisor.warden.kill(attempt.spec.serial, force=False)
    assert (attempt.result.verdict, attempt.result.signal) == (Verdict.KILLED, "SIGTERM")
    assert attempt.log.endswith(b"drained\n")


def test_a_process_that_left_the_group_gets_the_term_too(desk: Desk) -> None:
    inner = "trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.02; done"
    attempt = desk.start(run=f'setsid sh -c "{inner}" {{mark}} & trap "" TERM; wait; wait', grace=20.0)
    attempt.wait_for_output()
    desk.supervisor.warden.kill(attempt.spec.serial, force=False)
    assert attempt.result.verdict is Verdict.KILLED
    assert b"told\n" in attempt.log


def test_a_stopped_job_can_be_ended(desk: Desk) -> None:
    attempt = desk.run(run="kill -STOP $$; : {mark}", timeout=0.3, grace=600.0)
    assert (attempt.result.verdict, attempt.result.signal) == (Verdict.TIMED_OUT, "SIGTERM")
    assert survivors(attempt.mark) == set()


def test_a_live_fork_bomb_is_ended_whole(desk: Desk) -> None:
    attempt = desk.start(argv=evil("fork_bomb.py", "{mark}"), grace=0.2)
    attempt.wait_for_output()
    assert wait_until(lambda: len(marked(attempt.mark)) > 30)
    desk.supervisor.warden.kill(attempt.spec.serial, force=False)
    assert attempt.result.verdict is Verdict.KILLED
    assert survivors(attempt.mark) == set()


@pytest.mark.parametrize("force", [False, True])
def test_a_pexec_inside_a_job_ends_with_all_its_jobs(desk: Desk, force: bool) -> None:
    (desk.folder / "inner").mkdir()
    argv = (sys.executable, str(PLAY_PEXEC), str(desk.folder / "inner"), "{mark}")
    attempt = desk.start(argv=argv, grace=0.3)
    attempt.wait_for_output()
    assert len(marked(attempt.mark)) > 30
    desk.supervisor.warden.kill(attempt.spec.serial, force=force)
    assert attempt.result.verdict is Verdict.KILLED
    assert survivors(attempt.mark) == set()


def test_what_escaped_from_a_pexec_inside_a_job_is_known_by_the_tags_of_that_run(desk: Desk) -> None:
    inner_run = protocol.tag_base(1)
    daemon = " ".join(evil("daemon.py", f"limit={inner_run + 1}", "{mark}"))
    in_the_tree = f"import resource, time; resource.setrlimit(resource.RLIMIT_RTTIME, ({inner_run + 2}, -1))"
    stay = f"{sys.executable} -I -S -c '{in_the_tree}; print(\"ready\", flush=True); time.sleep(600)' {{mark}}"
    attempt = desk.start(run=f"{daemon}; {stay}")
    attempt.wait_for_output()
    assert len(marked(attempt.mark)) == 3
    desk.supervisor.warden.kill(attempt.spec.serial, force=True)
    assert (attempt.result.verdict, attempt.result.leftover_killed) == (Verdict.KILLED, 2)
    assert survivors(attempt.mark) == set()


@pytest.mark.parametrize(("force", "name"), [(False, "SIGTERM"), (True, "SIGKILL")])
def test_a_request_stops_a_running_attempt(desk: Desk, force: bool, name: str) -> None:
    attempt = desk.start(run="echo ready; sleep 600; : {mark}", grace=600.0)
    attempt.wait_for_output()
    desk.supervisor.warden.kill(attempt.spec.serial, force=force)
    result = attempt.result
    assert (result.verdict, result.reason, result.exit_code, result.signal) == (
        Verdict.KILLED,
        "stopped on request",
        None,
        name,
    )
    assert survivors(attempt.mark) == set()


def test_a_second_request_cuts_the_grace_short(desk: Desk) -> None:
    attempt = desk.start(argv=evil("ignore_term.py", "{mark}"), grace=600.0)
    attempt.wait_for_output()
    desk.supervisor.warden.kill(attempt.spec.serial, force=False)
    desk.supervisor.warden.kill(attempt.spec.serial, force=True)
    assert (attempt.result.verdict, attempt.result.signal) == (Verdict.KILLED, "SIGKILL")


def test_a_request_that_comes_before_the_start_prevents_it(desk: Desk) -> None:
    attempt = desk.prepare(run="touch started")
    desk.supervisor.warden.kill(attempt.spec.serial, force=False)
    desk.submit(attempt)
    assert (attempt.result.verdict, attempt.result.reason) == (Verdict.KILLED, "stopped before it started")
    assert (attempt.spawned, os.listdir(desk.work)) == ([], [])


def test_a_request_for_an_ended_attempt_changes_nothing(desk: Desk) -> None:
    first = desk.run(run="true")
    desk.supervisor.warden.kill(first.spec.serial, force=True)
    assert desk.run(run="true").result.verdict is Verdict.SUCCEEDED


def test_a_signal_from_elsewhere_is_a_failure_and_no_request(desk: Desk) -> None:
    attempt = desk.start(run="echo ready; sleep 600")
    attempt.wait_for_output()
    assert wait_until(lambda: attempt.spawned)
    os.killpg(attempt.spawned[0][0], signal.SIGTERM)
    result = attempt.result
    assert (result.verdict, result.reason, result.signal) == (Verdict.FAILED, "killed by SIGTERM", "SIGTERM")


def test_no_time_passes_for_a_job_while_it_is_paused(desk: Desk) -> None:
    # No shell: one that is stopped while it starts a command waits in another state than "T".
    began = time.monotonic()
    ticker = "import time\nwhile True: print(1, flush=True); time.sleep(0.02)"
    attempt = desk.start(argv=(sys.executable, "-I", "-S", "-c", ticker), timeout=5.0)
    assert wait_until(lambda: attempt.spawned)
    desk.supervisor.warden.pause()
    assert wait_until(lambda: state_of(attempt.spawned[0][0]) == "T")
    paused_at = time.monotonic()
    size = len(attempt.log)
    assert not wait_until(lambda: attempt.future is not None and attempt.future.done(), 6.0)
    assert len(attempt.log) == size
    paused = time.monotonic() - paused_at
    desk.supervisor.warden.resume()
    assert wait_until(lambda: len(attempt.log) > size)
    assert attempt.result.verdict is Verdict.TIMED_OUT
    assert 4.9 < attempt.result.duration_seconds < time.monotonic() - began - paused


def test_an_attempt_requested_during_a_pause_starts_after_it(desk: Desk) -> None:
    desk.run(run="true")
    warden = the_warden_below(os.getpid())
    os.kill(warden, signal.SIGSTOP)  # so that it reads both at once
    assert wait_until(lambda: state_of(warden) == "T")
    desk.supervisor.warden.pause()
    attempt = desk.start(run="true")
    assert not wait_until(lambda: attempt.future is not None and attempt.future.done(), 0.1)
    os.kill(warden, signal.SIGCONT)
    assert not wait_until(lambda: attempt.future is not None and attempt.future.done(), 0.2)
    desk.supervisor.warden.resume()
    assert attempt.result.verdict is Verdict.SUCCEEDED


def test_a_process_outside_the_group_is_terminated_though_its_parent_dies_at_once(desk: Desk) -> None:
    stray = "trap 'echo heard; exit' TERM; echo ready; while :; do sleep 0.01; done"
    attempts = [desk.start(run=f'setsid sh -c "{stray}" & wait', grace=LONGEST_WAIT) for _ in range(5)]
    for attempt in attempts:
        attempt.wait_for_output()
        desk.supervisor.warden.kill(attempt.spec.serial, force=False)
    for attempt in attempts:
        assert attempt.result.signal == "SIGTERM"
        assert b"heard\n" in attempt.log
