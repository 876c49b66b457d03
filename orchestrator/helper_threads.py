"""Start a thread, or report in one line that the system has no room for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from orchestrator.errors import EnvironmentFailedError


class NoThreadError(EnvironmentFailedError):
    """No thread can be started."""


def start_thread(name: str, work: Callable[[], None]) -> threading.Thread:
    """A started daemon thread with this name. Raises NoThreadError."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise NoThreadError(
            "no more threads can be started",
            help="raise the limits on processes and memory (`ulimit -u`, `ulimit -v`, `pids.max` of a control group)",
            code="PX301",
        ) from error
    return thread
