"""Know when nothing of a worker lives any more that is no child of pexec.

Where the worker's pids mean the same here, which is so on the same machine, that can be seen. Elsewhere the worker is
asked, if it answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from orchestrator.cluster.hello import WorkerHello
from orchestrator.execute.this_machine import boot_id, pid_namespace
from orchestrator.execute.warden import processes, protocol


def is_visible(hello: WorkerHello) -> bool:
    """Whether its processes are among those that this process sees."""
    return bool(hello.boot_id) and (hello.boot_id, hello.pid_namespace) == (boot_id(), pid_namespace())


def processes_of(hello: WorkerHello) -> list[int]:
    """Those of a visible worker that live: its own, or else, once that has ended, the warden and what it has
    started."""
    worker = processes.read_process(hello.pid)
    if worker is not None and worker.start_ticks == hello.start_ticks and worker.state not in (b"Z", b"X"):
        return [hello.pid]
    return list(filter(_is_of(hello.warden), _all_pids())) if hello.warden else []


def _is_of(warden: int) -> Callable[[int], bool]:
    first = protocol.tag_base(warden)
    tags = range(first, first + (1 << protocol.SERIAL_BITS))

    def is_of(pid: int) -> bool:
        if pid == warden:
            return _is_a_warden(pid)
        tag = processes.tag_of(pid)
        return tag is not None and tag in tags and is_running(pid)

    return is_of


def is_running(pid: int) -> bool:
    """Whether this process has not ended."""
    stat = processes.read_process(pid)
    return stat is not None and stat.state not in (b"Z", b"X")


def _is_a_warden(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"/warden/__main__.py" in file.read()
    except OSError:
        return False


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
