"""Everything stops and continues where it was, and no process notices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from support.attempts import marked, new_mark, stands_still, state_of, wait_until

from orchestrator.execute.warden.processes import read_process
from orchestrator.execute.warden.suspend import resume_tree, suspend_tree

# Plays the warden: what is below it stops, and itself continues.
WARDEN = """\
import os, subprocess, sys
from orchestrator.execute.warden import processes
from orchestrator.execute.warden.suspend import resume_tree, suspend_tree
job = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
order = []
send = processes.send
def record(handle, number):
    order.append(open(f"/proc/self/fdinfo/{handle}").read().partition("Pid:")[2].split()[0])
    return send(handle, number)
for line in sys.stdin:
    if line == "stop\\n":
        stopped = suspend_tree(os.getpid())
        print(*(process.pid for process in stopped), flush=True)
    else:
        processes.send = record
        resume_tree(stopped)
        print(*order, flush=True)
        processes.send = send
        order.clear()
job.kill()
job.wait()
"""


class Warden:
    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WARDEN, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, word: str) -> list[int]:
        """Have it stop or continue all below it; the processes that it signalled, in order."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(word, file=self.process.stdin, flush=True)
        return [*map(int, self.process.stdout.readline().split())]


def parents_first(pids: list[int]) -> bool:
    parents = {pid: read.parent for pid in pids if (read := read_process(pid)) is not None}
    return all(pids.index(parents[pid]) < pids.index(pid) for pid in parents if parents[pid] in pids)


@pytest.fixture
def wardens() -> Iterator[list[Warden]]:
    made: list[Warden] = []
    yield made
    for one in made:
        below = psutil.Process(one.process.pid).children(recursive=True)
        one.process.communicate(timeout=60)
        for process in below:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def test_a_shell_with_job_control_does_not_see_its_job_stop(wardens: list[Warden]) -> None:
    mark = new_mark()
    # With `-m` each command is a group of its own, and a shell whose command stops continues without it.
    script = f"sh -c 'sleep 20; : {mark}'; echo went on; sleep 20; : {mark}"
    wardens.append(Warden("bash", "-mc", script))
    assert wait_until(lambda: len(marked(mark)) == 3)
    for _ in range(3):
        signalled = wardens[0].send("stop")
        assert parents_first(signalled)
        assert set(signalled) >= marked(mark) - {wardens[0].process.pid}
        assert wait_until(lambda: stands_still(marked(mark) - {wardens[0].process.pid}))
        assert wardens[0].send("continue") == signalled[::-1], (
            "a child continues before its parent can see that it was stopped"
        )
        assert wait_until(lambda: "T" not in {state_of(pid) for pid in marked(mark)})
    assert len(marked(mark)) == 3, "the shell still waits for its command"


def test_what_was_stopped_before_stays_stopped(wardens: list[Warden]) -> None:
    mark = new_mark()
    wardens.append(Warden("sh", "-c", f"sh -c 'kill -STOP $$; : {mark}'"))
    assert wait_until(lambda: [pid for pid in marked(mark) if state_of(pid) == "T"])
    (stopped,) = (pid for pid in marked(mark) if state_of(pid) == "T")
    wardens[0].send("stop")
    wardens[0].send("continue")
    assert not wait_until(lambda: state_of(stopped) != "T", 0.2)


def test_an_empty_tree_can_be_suspended_and_resumed() -> None:
    assert suspend_tree(2**22 + 1) == []
    resume_tree([])
