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

from orchestrator.execute.warden import protocol
from orchestrator.execute.warden.processes import ProcessStat, children, read_process, tag_of

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


def end_abandoned(run_id: str) -> list[int]:
    """End processes of attempts of this run whose warden has died, and with it all that would have ended them: their
    pids. Only those of this PID namespace, in which a tag names the warden."""
    ended: dict[int, int] = {}
    give_up_at = time.monotonic() + _END_SECONDS
    try:
        while time.monotonic() < give_up_at:
            left = [pid for pid in _all_pids() if pid not in ended and _is_abandoned(pid, run_id)]
            for pid in left:
                handle = _hold(pid, lambda process: _is_abandoned(process.pid, run_id))
                if handle is not None:
                    ended[pid] = handle
                    _send(handle, signal.SIGKILL)
            if not left:
                break
        _wait_for(ended.values())
    finally:
        for handle in ended.values():
            os.close(handle)
    return list(ended)


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _is_abandoned(pid: int, run_id: str) -> bool:
    tag = tag_of(pid)
    if tag is None or not protocol.is_tag(tag):
        return False
    warden, process = read_process(protocol.warden_of(tag)), read_process(pid)
    if process is None or process.state in _ENDED or (warden is not None and warden.state not in _ENDED):
        return False
    try:
        if os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid"):
            return False
    except OSError:
        return False
    return _has_variable(pid, b"PEXEC_RUN_ID=" + os.fsencode(run_id))


def is_attempt_in(pid: int, run_dir: str) -> bool:
    """Whether this process was started for an attempt of the run in that directory, by its environment."""
    return _has_variable(pid, b"PEXEC_RUN_DIR=" + os.fsencode(run_dir))


def _has_variable(pid: int, assignment: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return assignment in file.read().split(b"\0")
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
