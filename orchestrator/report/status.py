"""The closed list of statuses that files and reports name, and the content of a job's status file."""

from __future__ import annotations

import enum

from orchestrator.engine.states import TERMINAL, JobState


class Status(enum.StrEnum):
    """Where a job stands, as users read it. PENDING is also a job that waits for its next attempt."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    LOST = "LOST"

    @property
    def words(self) -> str:
        """As in a sentence: `succeeded`, `timed out`."""
        return "succeeded" if self is Status.SUCCESS else self.value.lower().replace("_", " ")


FAILURES = (Status.FAILED, Status.TIMED_OUT, Status.LOST)

# By the `status` of a `job.finished` event.
OF_EVENT = {state.value: Status.SUCCESS if state is JobState.SUCCEEDED else Status[state.name] for state in TERMINAL}


def status_file(status: Status) -> bytes:
    """The content of `status/<slug>.status`: the status, on one line."""
    return f"{status.value}\n".encode()
