"""Run pexec as the user who runs the tests, and as an ordinary one if that is root.

Skipped unless an ordinary user may read the project and a Python.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.cli import Pexec
from support.pythons import IS_FOR_ALL

# A user without other processes on this machine, since the system counts processes by user.
SOMEBODY = 60_000 + os.getpid() % 5_000
USERS = ["ordinary"] if os.geteuid() != 0 else ["root", "ordinary"] if IS_FOR_ALL else ["root"]


def identity_of(user: str) -> Mapping[str, Any]:
    """Options of Popen that run a process as that user."""
    if user == "root" or os.geteuid() != 0:
        return {}
    return {"user": SOMEBODY, "group": SOMEBODY, "extra_groups": []}


@contextmanager
def pexec_of(user: str) -> Iterator[Pexec]:
    """The program in a repository of that user, run as that user."""
    # Not below pytest's own directory, which is closed to others.
    scratch = Path(tempfile.mkdtemp(prefix="pexec-test-"))
    try:
        scratch.chmod(0o755)
        identity = identity_of(user)
        if identity:
            os.chown(scratch, identity["user"], identity["group"])
        pexec = Pexec(scratch, identity)
        try:
            yield pexec
        finally:
            pexec.end()
    finally:
        shutil.rmtree(scratch)
