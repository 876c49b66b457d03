"""Run pexec as the user who runs the tests, and as an ordinary one if that is root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.cli import Pexec

NOBODY = 65534
USERS = ["root", "ordinary"] if os.geteuid() == 0 else ["ordinary"]


@contextmanager
def pexec_of(user: str) -> Iterator[tuple[Pexec, dict[str, int]]]:
    """The program in a repository that belongs to the user, and the options with which `start` runs it as that one."""
    # Not below pytest's own folder, which is closed to others.
    scratch = Path(tempfile.mkdtemp(prefix="pexec-test-"))
    try:
        pexec = Pexec(scratch)
        if user == "root" or os.geteuid() != 0:
            yield pexec, {}
            return
        for path in (scratch, *scratch.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield pexec, {"user": NOBODY, "group": NOBODY}
    finally:
        shutil.rmtree(scratch)
