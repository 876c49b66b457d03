"""How many CPUs this process may use: by its affinity, and by the time that its control groups grant.

A container with `--cpus 1.5` sees all CPUs of its machine. Its quota is a number of microseconds in each period.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

from orchestrator.own_cgroups import OwnGroup, own_groups


def usable_cpus(proc: str = "/proc/self", affinity: int | None = None) -> int:
    """The number of CPUs, at least 1; the part of one that a quota grants counts as a whole one.

    `affinity` is the number of CPUs that it may run on, by default as the kernel says.
    """
    cpus: float = len(os.sched_getaffinity(0)) if affinity is None else affinity
    for group in (*own_groups("cgroup2", "", proc), *own_groups("cgroup", "cpu", proc)):
        for directory in _up(group):
            cpus = min(cpus, _quota(directory))
    return max(1, math.ceil(cpus))


def _up(group: OwnGroup) -> Iterator[str]:
    """The directory of the group, and those of all groups around it: the smallest quota applies."""
    directory = group.directory
    while directory.startswith(group.outermost):
        yield directory
        if directory == group.outermost:
            return
        directory = os.path.dirname(directory)


def _quota(directory: str) -> float:
    """CPUs of this group; infinite where it has no quota."""
    words = _words(f"{directory}/cpu.max") or [
        *_words(f"{directory}/cpu.cfs_quota_us"),
        *_words(f"{directory}/cpu.cfs_period_us"),
    ]
    try:
        quota, period = map(int, words)
    except ValueError:  # `max`, or no such files
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _words(path: str) -> list[str]:
    try:
        with open(path) as file:
            return file.read().split()
    except (OSError, ValueError):
        return []
