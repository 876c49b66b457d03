"""What the processes of a job use together, looked at ten times a second while a job with such limits runs.

What they can use up between two looks is not bounded by this; each process alone is, by its own limits.
"""

from __future__ import annotations

import os

from . import processes, protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

INTERVAL = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


class Watch:
    """The limits in bytes and in seconds; 0 for none. `cpu` is the most that was seen used, in seconds."""

    def __init__(self, memory: int, cpu_time: float) -> None:
        self.memory = memory
        self.cpu_time = cpu_time
        self.cpu = 0.0

    def look(self, roots: Iterable[int]) -> int | None:
        """Which limit the trees of these processes are over, as a cause to kill them; None if they are not."""
        used = [(pid, *usage) for pid in _tree(roots) if (usage := _usage(pid)) is not None]
        self.cpu = max(self.cpu, sum(cpu for _, _, cpu in used))
        if self.cpu_time and self.cpu >= self.cpu_time:
            return protocol.BY_CPU_TIME
        if self.memory and sum(rss for _, rss, _ in used) > self.memory and self._really_uses(used):
            return protocol.BY_MEMORY
        return None

    def _really_uses(self, used: list[tuple[int, int, float]]) -> bool:
        """Pages that several processes share were counted in each of them: look again, with each counted once."""
        return len(used) == 1 or sum(_own_share(pid, rss) for pid, rss, _ in used) > self.memory


def _tree(roots: Iterable[int]) -> Iterable[int]:
    stack = list(roots)
    while stack:
        pid = stack.pop()
        yield pid
        stack += processes.children(pid)


def _usage(pid: int) -> tuple[int, float] | None:
    """Resident bytes, and CPU seconds with those of its children that it has waited for; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read()
    except _GONE:
        return None
    fields = line[line.rindex(b")") + 2 :].split()
    return int(fields[21]) * _PAGE, sum(map(int, fields[11:15])) / _TICKS


def _own_share(pid: int, rss: int) -> int:
    """Resident bytes where a page that several share counts as a part; all of them where that cannot be known."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except _GONE:
        return rss
    return rss
