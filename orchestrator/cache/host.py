"""What of the machine and of pexec's own process is part of a fingerprint."""

from __future__ import annotations

import os
from typing import NamedTuple

from orchestrator.inherited import umask_of_jobs

_FIELD = b"Umask:"


class Host(NamedTuple):
    """The operating system, the architecture, and the umask with which jobs start."""

    system: str
    machine: str
    umask: int


def this_host() -> Host:
    """Those of this machine."""
    names = os.uname()
    umask = umask_of_jobs()
    return Host(names.sysname, names.machine, _own_umask() if umask is None else umask)


def _own_umask() -> int:
    """Asking for it with `os.umask` would set it for a moment, for all threads."""
    with open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(_FIELD):
                return int(line[len(_FIELD) :], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
