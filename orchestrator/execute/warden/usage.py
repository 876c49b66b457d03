"""What the processes of a job use together, checked ten times a second while a job with such limits runs.

What they can use up between two checks is not bounded by this; each process alone is, by its own limits. Runs in the
warden's loop.
"""

from __future__ import annotations

import os

from . import processes, protocol
from .named_tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

INTERVAL = 0.1  # seconds
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)
# Fields of /proc/<pid>/stat, counted from the state on (proc_pid_stat(5)): utime, stime, cutime, cstime; rss in pages.
_CPU, _RSS = slice(11, 15), 21


class ProcessUsage(NamedTuple):
    """Resident bytes, and CPU seconds with those of the children that the process has waited for."""

    rss: int
    cpu: float


class UsageWatch:
    """The limits in bytes and in seconds; 0 for none. `cpu`: the highest CPU time that was seen, in seconds."""

    def __init__(self, memory: int, cpu_time: float) -> None:
        self.memory = memory
        self.cpu_time = cpu_time
        self.cpu = 0.0

    def check(self, roots: Iterable[int]) -> int | None:
        """The limit that the trees of these processes exceed, as a cause to kill them; None if they exceed none."""
        used = [(pid, usage) for pid in _tree(roots) if (usage := _usage(pid)) is not None]
        self.cpu = max(self.cpu, sum(usage.cpu for _, usage in used))
        if self.cpu_time and self.cpu >= self.cpu_time:
            return protocol.BY_CPU_TIME
        if self.memory and sum(usage.rss for _, usage in used) > self.memory and self._really_uses(used):
            return protocol.BY_MEMORY
        return None

    def _really_uses(self, used: list[tuple[int, ProcessUsage]]) -> bool:
        """Pages that several processes share were counted in each of them: check again, with each counted once."""
        return len(used) == 1 or sum(_own_share(pid, usage.rss) for pid, usage in used) > self.memory


def _tree(roots: Iterable[int]) -> Iterable[int]:
    stack = list(roots)
    while stack:
        pid = stack.pop()
        yield pid
        stack += processes.children(pid)


def _usage(pid: int) -> ProcessUsage | None:
    """What this process uses; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read()
    except _GONE:
        return None
    fields = line[line.rindex(b")") + 2 :].split()
    return ProcessUsage(rss=int(fields[_RSS]) * _PAGE, cpu=sum(map(int, fields[_CPU])) / _TICKS)


def _own_share(pid: int, rss: int) -> int:
    """Resident bytes, with only a share of each page that several processes share; all of them if that is unknown."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except _GONE:
        return rss
    return rss
