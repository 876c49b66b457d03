"""What the warden knows of processes agrees with the system, and its signals reach the intended processes only."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import psutil
from support.attempts import state_of, wait_until

from orchestrator.execute.warden import processes


def test_children_are_found_whichever_thread_started_them() -> None:
    started: list[subprocess.Popen[bytes]] = []
    done = threading.Event()

    def start_and_stay() -> None:
        started.append(subprocess.Popen(["sleep", "20"]))
        done.wait(60)

    thread = threading.Thread(target=start_and_stay)
    thread.start()
    started.append(subprocess.Popen(["sleep", "20"]))
    try:
        assert wait_until(lambda: len(started) == 2)
        expected = {child.pid for child in psutil.Process().children()}
        assert set(processes.children(os.getpid())) == expected >= {child.pid for child in started}
    finally:
        done.set()
        thread.join()
        for child in started:
            child.kill()
            child.wait()


def test_a_process_that_is_gone_has_no_data() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    found = (processes.children(child.pid), processes.read_process(child.pid), processes.tag_of(child.pid))
    assert found == ([], None, None)


def test_a_process_name_with_spaces_and_parentheses_is_skipped(tmp_path: Path) -> None:
    odd = tmp_path / "a) R 1 (b"
    odd.write_bytes(Path("/bin/sleep").read_bytes())
    odd.chmod(0o755)
    with subprocess.Popen([str(odd), "20"], start_new_session=True) as child:
        process = processes.read_process(child.pid)
        child.kill()
    assert process is not None
    assert (process.pid, process.parent, process.group) == (child.pid, os.getpid(), child.pid)


def test_start_ticks_are_those_of_the_system() -> None:
    process = processes.read_process(os.getpid())
    assert process is not None
    since_boot = process.start_ticks / os.sysconf("SC_CLK_TCK")
    assert abs(psutil.boot_time() + since_boot - psutil.Process().create_time()) < 1.5


def test_a_tag_is_inherited_and_can_be_read_from_outside() -> None:
    before = processes.tag_limits()
    processes.set_tag((1 << 50 | 77, before[1]))
    try:
        child = subprocess.Popen(["sh", "-c", "sleep 20; :"], start_new_session=True, env={})
    finally:
        processes.set_tag(before)
    assert wait_until(lambda: processes.children(child.pid))
    [inner] = processes.children(child.pid)
    tags = (processes.tag_of(child.pid), processes.tag_of(inner), processes.tag_of(os.getpid()))
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert tags == (1 << 50 | 77, 1 << 50 | 77, before[0])


def test_signals_reach_whole_trees_and_only_wanted_processes() -> None:
    processes.become_subreaper()  # as all callers are: orphans of a pass are adopted by them
    child = subprocess.Popen(["sh", "-c", "setsid sh -c 'sleep 20; :'; :"], start_new_session=True)
    stranger = subprocess.Popen(["sleep", "20"])
    try:
        # Not before the innermost command runs: a shell that is just starting it does not show that it is stopped.
        assert wait_until(lambda: "sleep" in {below.name() for below in psutil.Process(child.pid).children(True)})
        tree = {child.pid, *(below.pid for below in psutil.Process(child.pid).children(recursive=True))}
        outside = processes.signal_trees([child.pid], (signal.SIGSTOP,), lambda process: process.group != child.pid)
        assert outside < tree
        assert child.pid not in outside
        assert wait_until(lambda: all(state_of(pid) == "T" for pid in outside))
        assert processes.signal_trees([child.pid], (signal.SIGKILL,)) == tree
        child.wait()
        assert wait_until(lambda: all(state_of(pid) == "Z" for pid in tree))
        assert stranger.poll() is None
    finally:
        for process in (child, stranger):
            process.kill()
            process.wait()


def test_a_signal_descriptor_reports_a_blocked_signal() -> None:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    descriptor = processes.open_signal_fd(signal.SIGUSR2)
    try:
        assert not os.get_inheritable(descriptor)
        signal.raise_signal(signal.SIGUSR2)
        assert os.read(descriptor, 128)[0] == signal.SIGUSR2
    finally:
        os.close(descriptor)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
