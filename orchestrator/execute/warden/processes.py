"""What the kernel knows of processes, and how to signal whole trees of them without ever hitting an unrelated one.

For the warden and for pexec.
"""

from __future__ import annotations

import os
import resource
import signal
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_PR_SET_CHILD_SUBREAPER = 36
_MORE_LIKELY, _MOST_LIKELY = 500, 1000
_ENDED = (b"Z", b"X")
# Fields of /proc/<pid>/stat, counted from the state on (proc_pid_stat(5)).
_STATE, _PARENT, _GROUP, _START_TICKS = 0, 1, 2, 19
_GONE = (FileNotFoundError, ProcessLookupError)

STOP, CONTINUE, KILL = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL


class ProcessStat:
    """One line of /proc/<pid>/stat. `start_ticks`: clock ticks from boot to its start."""

    __slots__ = ("group", "parent", "pid", "start_ticks", "state")

    def __init__(self, pid: int, state: bytes, parent: int, group: int, start_ticks: int) -> None:
        self.pid = pid
        self.state = state
        self.parent = parent
        self.group = group
        self.start_ticks = start_ticks


def become_subreaper() -> None:
    """From now on, adopt the orphans among the caller's descendants."""
    import ctypes  # 2 ms, and not everything that imports this module needs it

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a subreaper")


def let_die_first() -> None:
    """When memory runs out, let the kernel kill the caller and what it starts before other programs.

    Once for all jobs, which inherit it: to write it for each would cost each a fork instead of a spawn.
    """
    try:
        with open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:
            file.write(b"%d" % min(int(file.read()) + _MORE_LIKELY, _MOST_LIKELY))
    except OSError:
        return


def open_signal_fd(number: int) -> int:
    """A descriptor that is readable whenever this signal, which must be blocked, is pending."""
    import ctypes  # see above

    # An array of longs as large as any C library's sigset_t.
    mask = (ctypes.c_ulong * (128 // ctypes.sizeof(ctypes.c_ulong)))()
    mask[0] = 1 << (number - 1)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.signalfd(-1, mask, os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "cannot open a signalfd")
    return descriptor


def tag_limits() -> tuple[int, int]:
    """The caller's own tag limit, soft and hard."""
    return resource.prlimit(0, resource.RLIMIT_RTTIME)


def can_tag() -> bool:
    """Whether tags can be set here, which a hard limit on real-time use prevents.

    Without tags, what leaves its job's process tree is not known to belong to that job, and ends with the run.
    """
    return tag_limits()[1] == resource.RLIM_INFINITY


# Tags the caller and what it starts from now on, with a soft and a hard limit. Called twice a job, so without a frame.
set_tag = partial(resource.prlimit, 0, resource.RLIMIT_RTTIME)


def tag_of(pid: int) -> int | None:
    """The tag of a process; None if it is gone or another user's."""
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[0]
    except (ProcessLookupError, PermissionError):
        return None


def read_process(pid: int) -> ProcessStat | None:
    """What /proc has on this process; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read()
    except _GONE:
        return None
    # The name in parentheses may hold anything, parentheses and spaces too.
    fields = line[line.rindex(b")") + 2 :].split()
    return ProcessStat(
        pid,
        state=fields[_STATE],
        parent=int(fields[_PARENT]),
        group=int(fields[_GROUP]),
        start_ticks=int(fields[_START_TICKS]),
    )


def children(pid: int) -> list[int]:
    """The children of all threads of a process, zombies included; [] if it is gone."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except _GONE:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
        except _GONE:
            continue
    return found


def signal_trees(
    roots: Iterable[int], signals: tuple[int, ...], wanted: Callable[[ProcessStat], bool] = lambda process: True
) -> set[int]:
    """Send `signals` to the living processes among `roots`, which are the caller's children, and all below them.

    Only the `wanted` ones; returns the pids that were signalled. One pass: what is forked meanwhile may be missed.
    """
    hit: set[int] = set()
    for handle, process in _walk(roots):
        if process.state in _ENDED or not wanted(process):
            continue
        if all(send(handle, number) for number in signals):
            hit.add(process.pid)
    return hit


def send(handle: int, number: int) -> bool:
    """Signal the process of this pidfd; whether it could be: it may be gone, or another user's."""
    try:
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _walk(roots: Iterable[int]) -> Iterator[tuple[int, ProcessStat]]:
    """Each process of the trees with a pidfd that stays open until the next step, parents before children."""
    ours = {os.getpid()}
    stack = list(roots)
    while stack:
        pid = stack.pop()
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            # Read after the pidfd is open, the parent proves that the pid was not given to another process
            # meanwhile. It may differ from that of a moment ago: orphans move to the caller, or to a subreaper between.
            process = read_process(pid)
            if process is not None and process.parent in ours:
                ours.add(pid)
                stack += children(pid)
                yield handle, process
        finally:
            os.close(handle)
