"""Cancel jobs of a queueing system, and see that they are gone."""

from __future__ import annotations

import time
from collections.abc import Sequence

from orchestrator.cluster.queues.queue_system import QueueSystem, Run, UnreadableError

_TIMES = 3
_AGAIN_SECONDS = 1.0


def cancel(system: QueueSystem, jobs: Sequence[str], run: Run) -> str:
    """End these jobs. Returns why that failed; empty if it did not."""
    left = list(jobs)
    why = ""
    for time_ in range(_TIMES):
        if time_:
            time.sleep(_AGAIN_SECONDS)
        command = system.cancel(left)
        try:
            if run(*command).code == 0:
                return ""
            # It fails as well for a job that has ended meanwhile.
            there = system.look(left, run)
            left = [job for job in left if job in there]
            why = f"`{' '.join(system.cancel(left))}` fails"
        except UnreadableError as error:
            why = f"{error}; `{' '.join(command)}` cancels them"
        if not left:
            return ""
    return why
