"""Ending what a dead pexec left running: the right process tree, and never another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from support.attempts import marked, new_mark, survivors, wait_until

from orchestrator.execute.leftovers import end_abandoned, end_tree
from orchestrator.execute.warden import protocol
from orchestrator.execute.warden.processes import read_process

DEAF_TREE = "trap '' TERM INT HUP; (trap '' TERM; sleep 60; : {mark}) & sh -c 'sleep 60; : {mark}' & wait; : {mark}"


def ticks_of(pid: int) -> int:
    process = read_process(pid)
    assert process is not None
    return process.start_ticks


def test_a_whole_tree_is_ended_and_gone_when_it_says_so() -> None:
    mark = new_mark()
    with subprocess.Popen(["sh", "-c", DEAF_TREE.format(mark=mark)], start_new_session=True) as root:
        assert wait_until(lambda: len(marked(mark)) >= 3)
        assert end_tree(root.pid, ticks_of(root.pid))
        assert root.wait(0) == -signal.SIGKILL
    assert survivors(mark) == set()


def test_a_fork_bomb_is_ended() -> None:
    mark = new_mark()
    bomb = f"import os, time, sys\nwhile True:\n    if os.fork() == 0: time.sleep(30)\n    time.sleep(0.001) # {mark}"
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", bomb], start_new_session=True) as root:
        assert wait_until(lambda: len(marked(mark)) >= 20)
        assert end_tree(root.pid, ticks_of(root.pid))
        root.wait(60)
    assert survivors(mark) == set()


def test_another_process_under_the_same_number_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        assert not end_tree(stranger.pid, ticks_of(stranger.pid) - 1)
        assert stranger.poll() is None
        stranger.kill()


def test_what_has_ended_needs_no_end() -> None:
    gone = subprocess.Popen(["true"])
    ticks = ticks_of(gone.pid)
    os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
    assert not end_tree(gone.pid, ticks)  # it has ended and was not reaped
    gone.wait()
    assert not end_tree(gone.pid, ticks)


def attempt_of(run_id: str, warden: int, mark: str) -> subprocess.Popen[bytes]:
    """As a warden with this pid starts one, which starts another in a session of its own."""
    program = (
        "import resource, os, sys\n"
        f"resource.prlimit(0, resource.RLIMIT_RTTIME, ({protocol.tag_base(warden) | 1}, resource.RLIM_INFINITY))\n"
        "os.execvp('sh', ['sh', '-c', sys.argv[1]])"
    )
    script = f"setsid sh -c 'sleep 60; : {mark}' & sleep 60; : {mark}"
    command = [sys.executable, "-I", "-S", "-c", program, script]
    return subprocess.Popen(command, env={**os.environ, "PEXEC_RUN_ID": run_id}, start_new_session=True)


def test_what_no_warden_ends_any_more_is_ended_and_what_one_or_another_run_has_is_not() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    mark, of_other, of_living = new_mark(), new_mark(), new_mark()
    attempts = [
        attempt_of("r1", gone.pid, mark),
        attempt_of("r2", gone.pid, of_other),
        attempt_of("r1", os.getpid(), of_living),
    ]
    try:
        assert wait_until(lambda: all(len(marked(one)) >= 2 for one in (mark, of_other, of_living)))
        ended = end_abandoned("r1")
        assert attempts[0].pid in ended
        assert attempts[0].wait(60) == -signal.SIGKILL
        assert survivors(mark) == set()
        assert all(marked(one) for one in (of_other, of_living))
        assert end_abandoned("r1") == []
    finally:
        for attempt in attempts:
            if attempt.poll() is None:
                end_tree(attempt.pid, ticks_of(attempt.pid))
            attempt.wait(60)
