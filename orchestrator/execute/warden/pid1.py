"""The first process of a job's own PID namespace: it starts the job, reports how that ends, and reaps what is left.

It is never the job itself: the first process of a namespace only gets signals that it handles, and a job that ignored
SIGTERM, or whose `kill -9 $$` did nothing, would not be the same job. It writes nothing but reports on a pipe to the
warden, exits when no process is below it, and when it dies the kernel kills all that are.

Inside bubblewrap it is a program of its own, `python -I -S .../warden/__main__.py pid1`; else the warden forks it.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import signal
import time

from .named_tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

ARGUMENT = b"pid1"
# The descriptors of the program: where its reports go, the job's output, and its task. Those of cgroups follow.
REPORT_FD, OUTPUT_FD, TASK_FD = 3, 4, 5

STARTED, FAILED, ENDED = range(3)
_WIDTH = 8
_PR_SET_DUMPABLE = 4
_MICROSECONDS = 1_000_000


class Usage(NamedTuple):
    """What `wait4` returns of a process and its children, as far as it crosses the pipe. Seconds and KiB."""

    ru_utime: float
    ru_stime: float
    ru_maxrss: int


class Report(NamedTuple):
    """One report on the pipe: STARTED; FAILED with the errno of exec; or ENDED with the wait status of the job and
    what it used. `at`: seconds of the monotonic clock."""

    kind: int
    at: float
    number: int
    usage: Usage


REPORT_BYTES = 5 * _WIDTH


class Pid1Task(NamedTuple):
    """What the program is to start, marshalled as a plain tuple in the file TASK_FD.

    `rlimits` are triples of resource, soft and hard limit; `entrances` the number of descriptors of control groups.
    A job that `shares_network` is kept from the sockets of that network that have no files.
    """

    path: bytes
    argv: Sequence[bytes]
    env: dict[bytes, bytes]
    working_dir: bytes
    rlimits: Sequence[tuple[int, int, int]]
    entrances: int
    shares_network: bool


def pack(task: Pid1Task) -> tuple[Any, ...]:
    """The task as the plain tuple that `marshal` takes."""
    return tuple(task)


def encode(kind: int, number: int = 0, cpu: float = 0.0, max_rss: int = 0) -> bytes:
    """A report, of now, as it is written to the pipe; see `Report`."""
    values = (kind, int(time.monotonic() * _MICROSECONDS), number, int(cpu * _MICROSECONDS), max_rss)
    return b"".join(value.to_bytes(_WIDTH, "little", signed=True) for value in values)


def decode(data: bytes) -> list[Report]:
    """The reports that were made with `encode`."""
    return [
        _decoded(data[start : start + REPORT_BYTES]) for start in range(0, len(data) - REPORT_BYTES + 1, REPORT_BYTES)
    ]


def _decoded(data: bytes) -> Report:
    parts = [data[start : start + _WIDTH] for start in range(0, REPORT_BYTES, _WIDTH)]
    values = iter([int.from_bytes(part, "little", signed=True) for part in parts])
    return Report(
        kind=next(values),
        at=next(values) / _MICROSECONDS,
        number=next(values),
        usage=Usage(ru_utime=next(values) / _MICROSECONDS, ru_stime=0.0, ru_maxrss=next(values)),
    )


def start_and_wait(report: int, start: Callable[[], int]) -> NoReturn:
    """Start the job, which gives its pid or raises OSError, and be its parent until no process is left below."""
    # No process may trace this one or open its pipe, least of all the job.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        main_pid = start()
    except OSError as error:
        os.write(report, encode(FAILED, error.errno or 0))
        os._exit(1)
    os.write(report, encode(STARTED))
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            os._exit(0)
        if pid == main_pid:
            os.write(report, encode(ENDED, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))


def keep_only(*descriptors: int) -> None:
    """Close all descriptors but these and 0 to 2, and move these to the numbers from 3 on, in their order.

    The warden opens enough for itself that none of these has such a number yet."""
    for number, descriptor in enumerate(descriptors, start=REPORT_FD):
        os.dup2(descriptor, number, inheritable=False)
    os.close(descriptors[-1])  # so that one is free to list the others with
    last = max(map(int, os.listdir("/proc/self/fd")))
    os.closerange(REPORT_FD + len(descriptors), last + 1)


def main() -> None:
    """Be the program."""
    from . import confinement, spawn_limited  # the warden's forks have them already

    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    for descriptor in (REPORT_FD, OUTPUT_FD, TASK_FD):
        os.set_inheritable(descriptor, False)
    with open(TASK_FD, "rb") as file:
        file.seek(0)
        task = Pid1Task._make(marshal.load(file))
    entrances = range(TASK_FD + 1, TASK_FD + 1 + task.entrances)
    for entrance in entrances:
        os.set_inheritable(entrance, False)

    def start() -> int:
        os.chdir(task.working_dir)
        # Sockets that have no files belong to a network: one of the job's own, unless it shares the machine's.
        scope = confinement.Confinement(None, False, OUTPUT_FD, scoped=True) if task.shares_network else None
        pid = spawn_limited.start(task.path, task.argv, task.env, OUTPUT_FD, task.rlimits, scope, entrances)
        if scope is not None:
            scope.close()
        os.closerange(OUTPUT_FD, entrances.stop)
        return pid

    start_and_wait(REPORT_FD, start)
