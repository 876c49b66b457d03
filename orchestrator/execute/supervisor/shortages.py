"""What a machine is short of, in words."""

from __future__ import annotations

import errno
import os
import resource

from orchestrator.execute.warden.scarcity import OUT_OF_NAMESPACES

NO_MORE_THREADS = "no more threads can be started"


def shortage_of(number: int) -> str:
    """What an errno of SCARCITY, or OUT_OF_NAMESPACES, means for starting jobs."""
    if number == errno.EMFILE:
        return f"a process may open only {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} files (`ulimit -n`)"
    return {
        errno.ENFILE: "the system cannot open more files",
        errno.EAGAIN: "no more processes can be started",
        errno.ENOMEM: "there is not enough memory to start more processes",
        OUT_OF_NAMESPACES: "no more namespaces can be made",
    }.get(number, os.strerror(number).lower())
