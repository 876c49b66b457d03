"""Runs as the interface shows them: each is read once, and then only what its journal gained."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import msgspec

from orchestrator.app.failure_logs import read_log_tails
from orchestrator.app.find_run import Look
from orchestrator.app.past_outcomes import past_outcomes
from orchestrator.app.run_progress import RunProgress
from orchestrator.app.summary import load_summary_unless_driven
from orchestrator.errors import EnvironmentFailedError, PexecError, RefusedError
from orchestrator.journal.file_names import JOURNAL
from orchestrator.journal.liveness import is_driven
from orchestrator.journal.plan_file import NoPlanError
from orchestrator.journal.run_id import is_run_id
from orchestrator.journal.rundir import RunDir, list_runs, open_run
from orchestrator.report.failed_attempts import FailedAttempts
from orchestrator.report.log_tail import LogTail
from orchestrator.report.model import RunReport
from orchestrator.report.page.context import PageContext, PastOutcome
from orchestrator.report.page.failures import logs_shown
from orchestrator.report.progress import Head, Progress, Snapshot
from orchestrator.report.status import Status
from orchestrator.report.timeline_bars import Timeline

MOST_VIEWS = 6
MOST_HEADS = 2000
_TAILS = 4 * 1024 * 1024  # bytes of the logs of failed attempts
# What reading a damaged file raises where its checksums are right.
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, msgspec.MsgspecError)


class UnknownRunError(Exception):
    """There is no such run, or it was removed."""


class RunView:
    """One run. Not thread-safe: see `RunViews.view`."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self._past: Mapping[str, Sequence[PastOutcome]] | None = None
        self._begin()

    def _begin(self) -> None:
        run = self.run
        try:
            self._look = Look(run)
        finally:
            gc.unfreeze()  # this process lives long: what is garbage later must be found
        self.plan = self._look.plan
        self._progress = Progress(self.plan, run.run_id)
        self.timeline = Timeline(self.plan, self._progress.fold.index_of)
        self.failed = FailedAttempts()
        self._tails: dict[str, LogTail] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what is new. Raises PexecError."""
        self._look.feed(self._progress.add, self.timeline.add, self.failed.add)
        if self._look.has_grown:
            self._begin()

    @property
    def is_live(self) -> bool:
        """Whether the run has not ended, and a process drives it."""
        return self._look.driven and not self._progress.finished

    @property
    def version(self) -> str:
        """Another one whenever the run has changed."""
        return f"{self._look.lines}-{int(self._look.driven)}"

    def report(self) -> RunReport:
        """The run so far; of one that is live, at this moment."""
        report = self._progress.fold.report()
        if self.is_live:
            return self._at_this_moment(report)
        return msgspec.structs.replace(report, result="INTERRUPTED") if report.result == Status.RUNNING else report

    def _at_this_moment(self, report: RunReport) -> RunReport:
        """Attempts under way count up to now."""
        snapshot = self.snapshot()
        now = self.timeline.end = snapshot.elapsed_seconds
        busy = report.summary.total_execution_time_seconds + sum(job.elapsed_seconds for job in snapshot.running)
        summary = msgspec.structs.replace(
            report.summary,
            wall_time_seconds=now,
            speed_up=busy / now if now else 0.0,
            utilisation=min(1.0, busy / (now * report.max_parallel_jobs)) if now else 0.0,
        )
        return msgspec.structs.replace(report, at=now, summary=summary)

    def snapshot(self) -> Snapshot:
        """What runs and what waits now."""
        now = self._look.now(self._progress.at, self._progress.ts)
        return self._progress.snapshot(now, driven=self._look.driven)

    def context(self, report: RunReport) -> PageContext:
        """Ends of logs, which do not change, and earlier runs."""
        wanted = logs_shown(report, self.failed)
        new = [name for name in wanted if name not in self._tails]
        self._tails = {name: self._tails[name] for name in wanted if name in self._tails}
        if new:
            self._tails |= read_log_tails(self.run, new, github=False, budget=_TAILS)
        if self._past is None:
            self._past = past_outcomes(self.run, report)
        return PageContext(tails=self._tails, history=self._past)


class RunViews:
    """The runs of a root. Methods may be called by several threads at once; those that read a run wait for each other.

    Methods raise UnknownRunError for what is not a run of this root, and PexecError for one that cannot be read.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._views: dict[str, RunView] = {}  # the one used last is last
        self._heads: dict[str, tuple[tuple[int, int], Head]] = {}

    def ids(self) -> list[str]:
        """The ids of all runs, newest first."""
        return list_runs(self.root)[::-1]

    @contextmanager
    def open(self, run_id: str) -> Iterator[RunDir]:
        """The directory of a run, apart from its view."""
        with self._opened(run_id) as run:
            yield run

    @contextmanager
    def view(self, run_id: str) -> Iterator[RunView]:
        """The run as it is now. No other thread reads a run until the block ends."""
        with self._lock:
            try:
                found = self._views.pop(run_id, None)
                if found is not None:
                    found.refresh()
                else:
                    found = _viewed(self._opened(run_id))
            except (*_DAMAGE, PexecError) as error:
                if found is not None:
                    found.run.close()
                self._check_exists(run_id)
                raise _explained(run_id, error) from error
            self._views[run_id] = found
            while len(self._views) > MOST_VIEWS:
                self._views.pop(next(iter(self._views))).run.close()
            yield found

    def head(self, run_id: str) -> Head:
        """A run in a line; its state is `damaged` or `not begun` where nothing more is known."""
        with self._lock:
            try:
                with self._opened(run_id) as run:
                    return self._head(run)
            except NoPlanError:
                return _without_events(run_id, "not begun")
            except (*_DAMAGE, PexecError):
                self._check_exists(run_id)
                return _without_events(run_id, "damaged")

    def _head(self, run: RunDir) -> Head:
        """Of a run that no process drives, it is read again only if its journal has changed."""
        mark = _mark(run)
        driven = is_driven(run)
        known = self._heads.get(run.run_id)
        if known is not None and known[0] == mark and not driven:
            return known[1]
        closing = load_summary_unless_driven(run)
        try:
            head = RunProgress(run).head() if closing is None else closing.head
        finally:
            gc.unfreeze()
        if not driven:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            self._heads[run.run_id] = mark, head
        return head

    def _opened(self, run_id: str) -> RunDir:
        if not is_run_id(run_id):
            raise UnknownRunError
        try:
            return open_run(self.root, run_id)
        except EnvironmentFailedError:
            self._check_exists(run_id)
            raise

    def _check_exists(self, run_id: str) -> None:
        if not os.path.isdir(os.path.join(self.root, run_id)):
            raise UnknownRunError from None


def _viewed(run: RunDir) -> RunView:
    try:
        return RunView(run)
    except BaseException:
        run.close()
        raise


def _mark(run: RunDir) -> tuple[int, int]:
    """Changes whenever the journal does."""
    with suppress(OSError):
        found = os.stat(JOURNAL, dir_fd=run.folder(), follow_symlinks=False)
        return found.st_size, found.st_mtime_ns
    return 0, 0


def _explained(run_id: str, error: Exception) -> PexecError:
    if isinstance(error, PexecError):
        return error
    return RefusedError(f"the files of run `{run_id}` are damaged", help="`pexec verify` finds out where", code="PX405")


def _without_events(run_id: str, state: str) -> Head:
    return Head(run_id, "", state, None, None, None, None, 0.0, {}, 0)
