"""Everything below the warden stops, and goes on where it was.

A parent stops before its children and goes on after them: else a shell that does job control (`set -m`) would see them
stop, and go on without them. What stood still already is left as it is.
"""

from __future__ import annotations

import os
import time

from . import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .processes import Process

_STANDING = (b"T", b"t")
# One pass misses who is forked meanwhile, and finds those again that have not come to a stop yet.
_MOST_PASSES = 100
_PASS_AGAIN_SECONDS = 0.001


def stop_all(parent: int) -> list[Process]:
    """Stop all that is below this process, which is the caller; who was stopped, parents before children."""
    stopped: dict[int, Process] = {}

    def goes_on(process: Process) -> bool:
        if process.state in _STANDING:
            return False
        stopped.setdefault(process.pid, process)
        return True

    for _ in range(_MOST_PASSES):
        if not processes.signal_trees(processes.children(parent), (processes.STOP,), goes_on):
            break
        time.sleep(_PASS_AGAIN_SECONDS)
    return list(stopped.values())


def let_go_on(stopped: list[Process]) -> None:
    """Let these go on, children before parents."""
    for process in reversed(stopped):
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            # Killed meanwhile, and the number given to another one?
            now = processes.read_process(process.pid)
            if now is not None and now.start_ticks == process.start_ticks:
                processes.send(handle, processes.CONTINUE)
        finally:
            os.close(handle)
