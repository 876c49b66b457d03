"""The locks of the jobs of a run in a store, which is closed with them, and what is known of attempts under them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from orchestrator.cache.job_lock import JobLock, JobLocks
from orchestrator.cache.store import LOCKS, Store, name_of


class Locks:
    """For any thread. Without a store every lock is free. Nothing raises OSError: `failed` is called with it."""

    def __init__(self, store: Store | None, failed: Callable[[OSError], None]) -> None:
        self._store = store
        self._failed = failed
        self._mutex = threading.Lock()
        self._of_projects: dict[str, JobLocks] = {}

    def try_lock(self, project: str, job: str) -> JobLock | None:
        """The lock of a job of a project; None if another process holds it."""
        if self._store is None:
            return JobLock(None)
        try:
            return self._of(self._store, project).try_lock(name_of(project, job))
        except OSError as error:
            self._failed(error)
            return JobLock(None)

    def has_other_runs(self, project: str) -> bool:
        """Whether another run of the project may be changing outputs."""
        return self._store is not None and self._of(self._store, project).has_other_runs()

    def note_attempt(self, project: str, job: str, at: int) -> None:
        """Remember that a job ran at this time, in nanoseconds, whatever becomes of it."""
        if self._store is None:
            return
        try:
            self._store.note_attempt(project, job, at)
        except OSError as error:
            self._failed(error)

    def close(self) -> None:
        """Give back every lock, and close the store."""
        for one in self._of_projects.values():
            one.close()
        if self._store is not None:
            self._store.close()

    def _of(self, store: Store, project: str) -> JobLocks:
        with self._mutex:
            if project not in self._of_projects:
                self._of_projects[project] = JobLocks(store.folder(LOCKS), name_of(project, ""))
            return self._of_projects[project]
