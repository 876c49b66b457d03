"""`pexec ui` as a process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from support.cli import Pexec


class StartedUi(NamedTuple):
    """A process that serves the interface, and the URL that it printed."""

    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def started_ui(pexec: Pexec, *flags: str) -> Iterator[StartedUi]:
    """Serves until the block ends."""
    process = pexec.start("ui", *flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield StartedUi(process, process.stdout.readline().decode().strip())
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)
