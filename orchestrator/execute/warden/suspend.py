"""Stop everything below the warden, and continue it.

A parent stops before its children and continues after them: else a shell that does job control (`set -m`) would see
them stop, and continue without them. What was stopped already is left as it is. Runs in the warden's loop.
"""

from __future__ import annotations

import os
import time

from . import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .processes import ProcessStat

_STOPPED = (b"T", b"t")
# One pass misses what is forked meanwhile, and finds those again that have not stopped yet.
_MOST_PASSES = 100
_PASS_AGAIN_SECONDS = 0.001


def suspend_tree(parent: int) -> list[ProcessStat]:
    """Stop all that is below this process, which is the caller; what was stopped, parents before children."""
    stopped: dict[int, ProcessStat] = {}

    def runs(process: ProcessStat) -> bool:
        if process.state in _STOPPED:
            return False
        stopped.setdefault(process.pid, process)
        return True

    for _ in range(_MOST_PASSES):
        if not processes.signal_trees(processes.children(parent), (processes.STOP,), runs):
            break
        time.sleep(_PASS_AGAIN_SECONDS)
    return list(stopped.values())


def resume_tree(stopped: list[ProcessStat]) -> None:
    """Continue these, children before parents."""
    for process in reversed(stopped):
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            # Killed meanwhile, and its pid given to another one?
            now = processes.read_process(process.pid)
            if now is not None and now.start_ticks == process.start_ticks:
                processes.send(handle, processes.CONTINUE)
        finally:
            os.close(handle)
