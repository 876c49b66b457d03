"""How far a run is, followed while it runs."""

from __future__ import annotations

from orchestrator.app.find_run import Look
from orchestrator.journal.rundir import RunDir
from orchestrator.report.progress import OPEN_STATUSES, Head, Progress, Snapshot
from orchestrator.report.remaining import RemainingTime


class RunProgress:
    """The progress of a run by its journal, as far as it was read. Raises RefusedError for a damaged run."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._begin()

    def _begin(self) -> None:
        self._look, run = Look(self._run), self._run
        self._progress = Progress(self._look.plan, run.run_id)
        self._look.feed(self._progress.add)

    def update(self) -> bool:
        """Read the events that were added since the last time; whether there were any."""
        news = bool(self._look.feed(self._progress.add))
        if self._look.has_grown:
            self._begin()
            return True
        return news

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come: the run has ended, or no process drives it."""
        return self._progress.finished or not self._look.driven

    def snapshot(self) -> Snapshot:
        """Everything that `pexec status` shows, at this moment."""
        return self._progress.snapshot(self._now(), driven=self._look.driven)

    def seconds_left(self, snapshot: Snapshot) -> float | None:
        """How long the rest of the run takes at least, if that can be estimated."""
        left, fold = RemainingTime(self._look.plan), self._progress.fold
        for job in self._look.plan.jobs:
            if fold.status(job.index) not in OPEN_STATUSES:
                left.end(job.index)
        return left.at_least({fold.index_of[one.job_id]: one.elapsed_seconds for one in snapshot.running})

    def head(self) -> Head:
        """The line of `pexec runs`, at this moment."""
        return self._progress.head(self._now(), driven=self._look.driven)

    def _now(self) -> float:
        return self._look.now(self._progress.at, self._progress.ts)
