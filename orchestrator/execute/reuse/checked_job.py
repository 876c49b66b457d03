"""What the job cache of a run keeps of a job, from its check to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.cache.job_lock import JobLock
from orchestrator.execute.attempt.spec import Readable
from orchestrator.execute.reuse.fingerprints import Taken


class CheckedJob:
    """One job, from its check to its end. `lock` is held by it; `is_busy` while a thread works for it."""

    def __init__(self) -> None:
        self.is_hurried = False
        self.is_over = False
        self.is_busy = False
        self.lock: JobLock | None = None
        self.values: Mapping[str, str] = {}  # that its spec uses
        self.of_needs: Mapping[int, Mapping[str, str]] = {}
        self.taken: Taken | None = None
        self.must_run_since = 0  # the time of its check, in nanoseconds
        self.refusal = ""
        self.readable: Readable | None = None
        self.why_not_stored = ""

    def is_locked(self, try_lock: Callable[[], JobLock | None]) -> bool:
        """Whether this run has the lock of the job, if need be by trying to get it now."""
        if self.lock is None:
            self.lock = try_lock()
        return self.lock is not None

    def should_stop(self) -> bool:
        return self.is_hurried
