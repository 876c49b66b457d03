"""Ends what a pexec that died may have left running: identified exactly, and ended as a whole tree.

Its warden ends everything when pexec dies; this is for when both were killed. Only init reaps these processes now, so
each is held by a pidfd that is proved to be the right one before anything is sent to it.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator

from orchestrator.execute.warden.processes import ProcessStat, children, read_process

_STOPPED = (b"T", b"t", b"Z", b"X")
_ENDED = (b"Z", b"X")
_STOP_SECONDS = 2.0
_END_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.001


def end_tree(pid: int, start_ticks: int) -> bool:
    """End the process with this number that started at that tick of this boot, and all below it, and wait for that.

    False if it had ended before, or may not be signalled.
    """
    root = _hold(pid, lambda process: process.start_ticks == start_ticks)
    if root is None:
        return False
    held = {pid: root}
    try:
        signal.pidfd_send_signal(root, signal.SIGSTOP)
        _hold_all_below(pid, held)
        for handle in held.values():
            _send(handle, signal.SIGKILL)
        _wait_for(held.values())
    except (PermissionError, ProcessLookupError):
        return False
    else:
        return True
    finally:
        for handle in held.values():
            os.close(handle)


def is_attempt_in(pid: int, run_dir: str) -> bool:
    """Whether this process was started for an attempt of the run in that directory, by its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return b"PEXEC_RUN_DIR=" + os.fsencode(run_dir) in file.read().split(b"\0")
    except OSError:
        return False


def _hold_all_below(root: int, held: dict[int, int]) -> None:
    """Stop and hold every process below. A process that has stopped starts no others, so none slips away."""
    stack = [root]
    while stack:
        parent = stack.pop()
        _wait_until_stopped(parent)
        for pid, handle in _hold_children(parent, held):
            held[pid] = handle
            if _send(handle, signal.SIGSTOP):
                stack.append(pid)


def _hold_children(parent: int, held: dict[int, int]) -> Iterator[tuple[int, int]]:
    for pid in children(parent):
        if pid not in held:
            handle = _hold(pid, lambda process: process.parent == parent)
            if handle is not None:
                yield pid, handle


def _hold(pid: int, is_it: Callable[[ProcessStat], bool]) -> int | None:
    """A pidfd of this living process, if /proc proves, while it is held, that it is the right one."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    process = read_process(pid)
    if process is not None and process.state not in _ENDED and is_it(process):
        return handle
    os.close(handle)
    return None


def _wait_until_stopped(pid: int) -> None:
    give_up_at = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < give_up_at:
        process = read_process(pid)
        if process is None or process.state in _STOPPED:
            return
        time.sleep(_LOOK_AGAIN_SECONDS)


def _wait_for(handles: Iterable[int]) -> None:
    """Until all have ended; what cannot be ended (uninterruptible sleep) is not waited for longer than 5 s."""
    give_up_at = time.monotonic() + _END_SECONDS
    for handle in handles:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(max(0.0, give_up_at - time.monotonic()) * 1000)


def _send(handle: int, number: int) -> bool:
    try:
        signal.pidfd_send_signal(handle, number)
    except (PermissionError, ProcessLookupError):
        return False
    return True
