"""Ending what a dead pexec left running: the right process tree, and never another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from support.attempts import marked, new_mark, survivors, wait_until

from orchestrator.execute.leftovers import end_tree
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
