"""Describes the machine without identifying it."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe() -> str:
    """Cores, processor, memory, system, Python, and its load, in one line."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    kernel = ".".join(platform.release().split(".")[:2])
    parts = [f"{cores} cores", _processor(), f"{memory:.0f} GiB", _system(), f"Linux {kernel}", python]
    return ", ".join(part for part in parts if part) + f"; load average before: {os.getloadavg()[0]:.1f}"


def available_memory() -> int:
    """Bytes that new programs may use."""
    return _field("/proc/meminfo", "MemAvailable") * 1024


def _field(path: str, name: str) -> int:
    for line in Path(path).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
