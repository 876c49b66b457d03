"""The closed list of statuses in files and reports, and the content of a job's status file."""

from __future__ import annotations

import enum

from orchestrator.engine.outcomes import FAILURES, OUTCOME_PHRASES
from orchestrator.engine.states import TERMINAL, JobState


class Status(enum.StrEnum):
    """The status of a job as users read it. PENDING includes a job that waits for its next attempt."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    LOST = "LOST"
    LEFT_OUT = "LEFT_OUT"

    @property
    def words(self) -> str:
        """As an adjective: `succeeded`, `timed out`, `lost`."""
        return "succeeded" if self is Status.SUCCESS else self.value.lower().replace("_", " ")

    @property
    def phrase(self) -> str:
        """As the predicate of a sentence: `succeeded`, `timed out`, `was lost`."""
        return _PHRASES.get(self, self.words)


# By the `status` of a `job.finished` event.
STATUS_OF_EVENT = {
    state.value: Status.SUCCESS if state is JobState.SUCCEEDED else Status[state.name] for state in TERMINAL
}
FAILED_STATUSES = frozenset(STATUS_OF_EVENT[state.value] for state in FAILURES)
_PHRASES = {STATUS_OF_EVENT[state.value]: phrase for state, phrase in OUTCOME_PHRASES.items()}


def result_word(result: str) -> str:
    """The result of a run as users read it: `SUCCEEDED`, `FAILED`, `CANCELLED`."""
    return Status.SUCCESS.words.upper() if result == Status.SUCCESS else result


def status_file(status: Status) -> bytes:
    """The content of `status/<slug>.status`: the status, on one line."""
    return f"{status.value}\n".encode()
