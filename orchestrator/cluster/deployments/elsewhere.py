"""Know when nothing of a worker lives any more that is no child of pexec.

Where the worker's pids mean the same here, which is so on the same machine, that can be seen. Elsewhere the worker is
asked, if it answers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from orchestrator.cluster.hello import WorkerHello
from orchestrator.execute.this_machine import boot_id, pid_namespace
from orchestrator.execute.warden import processes, protocol


def is_visible(hello: WorkerHello) -> bool:
    """Whether its processes are among those that this process sees."""
    return bool(hello.boot_id) and (hello.boot_id, hello.pid_namespace) == (boot_id(), pid_namespace())


def processes_of(hello: WorkerHello) -> list[int]:
    """Those of a visible worker that live: its own, or else, once that has ended, its wardens and what they have
    started."""
    worker = processes.read_process(hello.pid)
    if worker is not None and worker.start_ticks == hello.start_ticks and worker.state not in (b"Z", b"X"):
        return [hello.pid]
    return _left_of(hello) if hello.warden else []


def end_orphans(hello: WorkerHello) -> bool:
    """Of a visible worker: kill what outlives it and its wardens, which would have done so. Whether nothing lives."""
    left = processes_of(hello)
    if hello.pid not in left and not any(_is_warden_of(pid, hello) for pid in left):
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, processes.KILL)
    return not left


def _left_of(hello: WorkerHello) -> list[int]:
    pids = _all_pids()
    wardens = [pid for pid in pids if _is_warden_of(pid, hello)]
    tags = [_tags(warden) for warden in {*wardens, hello.warden}]
    return [pid for pid in pids if pid in wardens or _has_tag(pid, tags)]


def _tags(warden: int) -> range:
    first = protocol.tag_base(warden)
    return range(first, first + (1 << protocol.SERIAL_BITS))


def _has_tag(pid: int, tags: Sequence[range]) -> bool:
    tag = processes.tag_of(pid)
    return tag is not None and any(tag in some for some in tags) and is_running(pid)


def is_running(pid: int) -> bool:
    """Whether this process has not ended."""
    stat = processes.read_process(pid)
    return stat is not None and stat.state not in (b"Z", b"X")


def _is_warden_of(pid: int, hello: WorkerHello) -> bool:
    """The one that it had first, or that it started when that had died. An argument is the pid of who started it."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return False
    is_warden = any(word.endswith(b"/warden/__main__.py") for word in words)
    return is_warden and (pid == hello.warden or b"%d" % hello.pid in words)


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]
