"""Prove that nothing of a worker lives any more: before that, no other attempt of its jobs may start.

The worker was a child of this process, which is a subreaper: so its warden, and if that is dead too what the warden
left, are children of this process now.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import suppress

from orchestrator.execute.supervisor.warden_process import sweep
from orchestrator.execute.warden import processes, protocol

_WARDEN_SECONDS = 5.0  # in which a warden ends all that runs, once its pexec has gone


def end_what_is_left(worker: int) -> None:
    """The worker with this pid has been reaped: wait until its wardens, and all that they started, have ended."""
    for warden in wardens_of(worker):
        _end(warden)
    sweep(_is_of_a_job())


def _is_of_a_job() -> Callable[[int], bool]:
    """Whether a child of this process is of a job. Its warden is dead, or would be its parent; one that died before its
    worker is not among `wardens_of(worker)`."""
    own = processes.tag_of(os.getpid())  # of the job of another pexec in which this one runs, as do the workers

    def is_of_a_job(pid: int) -> bool:
        tag = processes.tag_of(pid)
        return tag is not None and protocol.is_tag(tag) and tag != own

    return is_of_a_job


def wardens_of(worker: int) -> list[int]:
    """The wardens that this worker has started, among the children of this process."""
    found = []
    for child in processes.children(os.getpid()):
        with suppress(OSError), open(f"/proc/{child}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
            if any(word.endswith(b"/warden/__main__.py") for word in words) and b"%d" % worker in words:
                found.append(child)
    return found


def _end(warden: int) -> None:
    """A warden whose pexec has gone kills everything and exits; one that does not is killed."""
    try:
        handle = os.pidfd_open(warden)
    except OSError:
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(_WARDEN_SECONDS * 1000):
            processes.send(handle, processes.KILL)
        with suppress(ChildProcessError):
            os.waitpid(warden, 0)
    finally:
        os.close(handle)
