"""The first process of a job's own namespace: it starts the job, tells how that ends, and reaps what is left.

It is never the job itself: the first process of a namespace is deaf to signals that it does not handle, and a job
that is deaf to TERM, or whose `kill -9 $$` does nothing, would not be the same job. It says nothing but records on a
pipe to the warden, leaves when nothing is below it, and when it dies the kernel ends all that is.

Inside bubblewrap it is a program of its own, `python -I -S .../warden/pid1.py`; else the warden forks it.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

# What the descriptors of the program are: where records go, the job's output, and what is to be done.
REPORT_FD, OUTPUT_FD, TASK_FD = 3, 4, 5

STARTED, FAILED, ENDED = range(3)
_WIDTH = 8
_PR_SET_DUMPABLE = 4
RECORD = 5 * _WIDTH
_MICROSECONDS = 1_000_000


class Usage:
    """What `wait4` tells of a process and its children, as far as it crosses the pipe. Seconds and KiB."""

    __slots__ = ("ru_maxrss", "ru_stime", "ru_utime")

    def __init__(self, cpu: float, max_rss: int) -> None:
        self.ru_utime = cpu
        self.ru_stime = 0.0
        self.ru_maxrss = max_rss


def record(kind: int, number: int = 0, cpu: float = 0.0, max_rss: int = 0) -> bytes:
    """STARTED; FAILED with the errno of exec; ENDED with the wait status of the job and what it used."""
    values = (kind, int(time.monotonic() * _MICROSECONDS), number, int(cpu * _MICROSECONDS), max_rss)
    return b"".join(value.to_bytes(_WIDTH, "little", signed=True) for value in values)


def records(data: bytes) -> list[tuple[int, float, int, Usage]]:
    """What was written with `record`: kind, monotonic seconds, number, usage."""
    found = []
    for at in range(0, len(data) - RECORD + 1, RECORD):
        parts = (data[at + place : at + place + _WIDTH] for place in range(0, RECORD, _WIDTH))
        kind, when, number, cpu, max_rss = (int.from_bytes(part, "little", signed=True) for part in parts)
        found.append((kind, when / _MICROSECONDS, number, Usage(cpu / _MICROSECONDS, max_rss)))
    return found


def keep(report: int, start: Callable[[], int]) -> NoReturn:
    """Start the job, which gives its pid or raises OSError, and be its parent until nothing is left below."""
    # Nobody looks into this process or takes hold of its pipe, least of all the job.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        main = start()
    except OSError as error:
        os.write(report, record(FAILED, error.errno or 0))
        os._exit(1)
    os.write(report, record(STARTED))
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            os._exit(0)
        if pid == main:
            os.write(report, record(ENDED, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))


def keep_only(*descriptors: int) -> None:
    """Close all descriptors but these and 0 to 2, and move these to the numbers from 3 on, in their order.

    The warden opens enough for itself that none of these has such a number yet."""
    for number, descriptor in enumerate(descriptors, start=REPORT_FD):
        os.dup2(descriptor, number, inheritable=False)
    os.close(descriptors[-1])  # so that there is one left to look with
    last = max(map(int, os.listdir("/proc/self/fd")))
    os.closerange(REPORT_FD + len(descriptors), last + 1)


def main() -> None:
    """Be the program: the task is in a file, marshalled."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from warden import confinement, spawn_limited  # type: ignore[import-not-found]

    for descriptor in (REPORT_FD, OUTPUT_FD, TASK_FD):
        os.set_inheritable(descriptor, False)
    with open(TASK_FD, "rb") as file:
        file.seek(0)
        path, argv, env, working_dir, limits, groups, network = marshal.load(file)
    entrances = range(TASK_FD + 1, TASK_FD + 1 + groups)
    for entrance in entrances:
        os.set_inheritable(entrance, False)

    def start() -> int:
        os.chdir(working_dir)
        # Sockets that have no files belong to a network: one of the job's own, unless it has the machine's.
        scope = confinement.Confinement(None, False, OUTPUT_FD, scoped=True) if network else None
        pid: int = spawn_limited.start(path, argv, env, OUTPUT_FD, limits, scope, entrances)
        if scope is not None:
            scope.close()
        os.closerange(OUTPUT_FD, entrances.stop)
        return pid

    keep(REPORT_FD, start)


if __name__ == "__main__":
    main()
