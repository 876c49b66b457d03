"""Keeps the files derived from the events of a run up to date, without ever delaying the run."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.errors import EnvironmentFailedError
from orchestrator.helper_threads import start_thread
from orchestrator.journal.events import EventRecord
from orchestrator.journal.facts_as_events import grown_from_event
from orchestrator.journal.file_names import (
    DEPENDENCIES,
    EXECUTION_PLAN,
    HTML_REPORT,
    PLAN,
    REPORT,
    RESULTS,
    RUN_SUMMARY,
    status_name,
)
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.status_files import StatusFiles
from orchestrator.plan.export import dependencies_fields, execution_plan_fields, plan_fields
from orchestrator.plan.grown_plan import Grown, grown
from orchestrator.plan.json_stream import as_json
from orchestrator.plan.model import Plan
from orchestrator.plan.slugs import slugs
from orchestrator.report.failed_attempts import MOST_OF_A_JOB, FailedAttempts
from orchestrator.report.fold_events import RunFold
from orchestrator.report.model import RunReport
from orchestrator.report.results import results_chunks
from orchestrator.report.status import status_file
from orchestrator.report.timeline_bars import Timeline

if TYPE_CHECKING:
    from orchestrator.report.page.context import PageContext

    ContextReader = Callable[[RunDir, RunReport, FailedAttempts], PageContext]

REFRESH_SECONDS = 1.0
MAX_WRITE_FRACTION = 0.05  # of the time, at most, is spent on writing during the run
SMALL = 100  # jobs; the files of such a run take less than a millisecond
FIRST_REFRESH_SECONDS = 0.05


class RunFiles:
    """An observer that keeps `results_summary.json`, `execution_report.md` and the status files current.

    Each is replaced by a rename, in a helper thread, at most once a second and for at most a twentieth of the time;
    `close` makes all of them final, and writes `report.html`. Plan, levels and dependencies exist from the start, and
    so do the results of a small run; those of a large run follow right after its first events. `past` are the earlier
    events of a resumed run. The helper thread calls `on_first_event` once the run has begun. `page_context` reads what
    the page shows besides the run, in `close`. Constructing and closing raise EnvironmentFailedError if the disk fails.
    """

    def __init__(
        self,
        rundir: RunDir,
        plan: Plan,
        past: Iterable[EventRecord] = (),
        *,
        on_first_event: Callable[[], None] | None = None,
        page_context: ContextReader | None = None,
    ) -> None:
        self._rundir = rundir
        self._on_first_event = on_first_event
        self._first_plan = self._plan = plan
        self._growths: list[Grown] = []
        self._statuses: StatusFiles | None = None
        rundir.replace(PLAN, as_json(plan_fields(plan)))
        rundir.replace(EXECUTION_PLAN, as_json(execution_plan_fields(plan, _now())))
        rundir.replace(DEPENDENCIES, as_json(dependencies_fields(plan)))
        self._page_context = page_context
        self._events: deque[EventRecord] = deque()
        self._begin_fold()
        for record in past:
            self._events.append(record)
            self._take_in()
        if self._is_small:  # before any job starts, since jobs may read them
            self._rundir.replace(RESULTS, results_chunks(replace(self._fold.report(), run_id=rundir.run_id)))
        self._begin_statuses()
        if past:
            self._keep_right_statuses()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._closed = False
        self._thread = start_thread("pexec-run-files", self._work)

    def _begin_fold(self) -> None:
        self._fold = RunFold(self._plan)
        self._timeline = Timeline(self._plan, self._fold.index_of)
        self._failed = FailedAttempts(MOST_OF_A_JOB)

    def _begin_statuses(self) -> None:
        self._statuses = StatusFiles(self._rundir, self._fold.slugs)
        self._has_status = bytearray(len(self._plan.jobs))
        self._next_unwritten = 0

    def on_event(self, record: EventRecord) -> None:
        """Queue the record for the helper thread."""
        self._events.append(record)
        # The helper thread clears `_news` before it empties the queue: it was set since the queue was last empty.
        if len(self._events) == 1:
            self._news.set()

    def close(self) -> None:
        """Write everything as it is now, in the calling thread. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._closing.set()
        self._news.set()
        self._thread.join()
        self._take_in()
        reports = (self._write_report, self._write_html, self._write_dependencies, self._write_all_statuses)
        # The results come last: once they are final, so is every other file.
        failures = [failure for write in (*reports, self._write_results) if (failure := _failure_of(write)) is not None]
        if failures:
            failures[0].help = (
                "free some space; `pexec report` recreates the files of a run"
                if os.path.isdir(self._rundir.path)
                else "the directory of the run was removed while it was running"
            )
            raise failures[0]
        if not self._is_small and self.report.exit_code is not None:
            with contextlib.suppress(OSError, EnvironmentFailedError):  # without it, commands read the journal again
                self._write_run_summary()

    @property
    def report(self) -> RunReport:
        """The run as it was observed. Call it after `close`."""
        return self._fold.report()

    def _work(self) -> None:
        self._news.wait()
        if self._on_first_event is not None:
            self._on_first_event()
        pause = min(FIRST_REFRESH_SECONDS, REFRESH_SECONDS)  # the first one is early: a young run is watched
        while True:
            self._news.wait()
            due = time.monotonic() + pause
            while (left := due - time.monotonic()) > 0:
                if self._closing.wait(min(left, FIRST_REFRESH_SECONDS)):
                    return
                self._take_in()
            self._news.clear()
            if self._closing.is_set():  # `close` may have set `_news` just before that
                return
            self._take_in()
            began = time.perf_counter()
            # What fails now is tried again, and reported by `close` in the end.
            statuses = partial(self._write_statuses, began + pause * MAX_WRITE_FRACTION / 2)
            for write in (statuses, self._write_results, self._write_report):
                _failure_of(write)
            pause = max(REFRESH_SECONDS, (time.perf_counter() - began) / MAX_WRITE_FRACTION)
            if self._next_unwritten < len(self._plan.jobs) or self._fold.changed:
                self._news.set()

    @property
    def _status_files(self) -> StatusFiles:
        assert self._statuses is not None
        return self._statuses

    @property
    def _is_small(self) -> bool:
        return len(self._plan.jobs) <= SMALL

    def _take_in(self) -> None:
        while self._events:
            record = self._events.popleft()
            if record["event"] != "matrix.expanded":
                self._add_to_fold(record)
                continue
            together = [record]
            while self._events and self._events[0]["event"] == "matrix.expanded":
                together.append(self._events.popleft())
            self._grow(together)

    def _grow(self, together: Sequence[EventRecord]) -> None:
        """Jobs have taken the place of placeholders that grow together: what was read so far is read again, for the
        plan with them."""
        self._growths += map(grown_from_event, together)
        self._plan = grown(self._first_plan, self._growths)
        self._begin_fold()
        for record in JournalReader(self._rundir):
            if record["event"] != "matrix.expanded":
                self._add_to_fold(record)
            if record["seq"] == together[-1]["seq"]:
                break
        if self._statuses is not None:
            for expanded in together:
                self._rundir.remove(status_name(slugs([expanded["job"]])[0]))
            self._begin_statuses()
            self._keep_right_statuses()

    def _add_to_fold(self, record: EventRecord) -> None:
        self._fold.add(record)
        self._timeline.add(record)
        self._failed.add(record)

    def _write_results(self) -> None:
        self._rundir.replace(RESULTS, results_chunks(self._fold.report()))

    def _write_report(self) -> None:
        from orchestrator.report.markdown import execution_report

        self._rundir.replace(REPORT, execution_report(self._fold.report()).encode("utf-8", "replace"))

    def _write_run_summary(self) -> None:
        from orchestrator.report.run_summary import DIGESTED, run_summary, run_summary_file

        digests = {name: self._rundir.digest(name) for name in DIGESTED}
        self._rundir.replace(RUN_SUMMARY, run_summary_file(run_summary(self.report, digests, __version__)))

    def _write_html(self) -> None:
        from orchestrator.report.html import html_report

        report = self._fold.report()
        context = [] if self._page_context is None else [self._page_context(self._rundir, report, self._failed)]
        page = html_report(report, self._timeline, self._failed, *context)
        self._rundir.replace(HTML_REPORT, page.encode("utf-8", "replace"))

    def _write_dependencies(self) -> None:
        statuses = {job.job_id: job.status.value for job in self._fold.report().jobs}
        self._rundir.replace(DEPENDENCIES, as_json(dependencies_fields(self._plan, statuses)))

    def _write_all_statuses(self) -> None:
        self._write_statuses(math.inf)
        self._status_files.close()

    def _write_statuses(self, until: float) -> None:
        """Write the changed files, then those of jobs without one, as many as fit before `until`."""
        changed, jobs = self._fold.changed, len(self._plan.jobs)
        while changed and time.perf_counter() < until:
            job = changed.pop()
            try:
                self._write_status(job)
            except EnvironmentFailedError:
                changed.add(job)
                raise
        while self._next_unwritten < jobs and time.perf_counter() < until:
            if not self._has_status[self._next_unwritten]:
                self._write_status(self._next_unwritten)
            self._next_unwritten += 1

    def _keep_right_statuses(self) -> None:
        """Skip files that an earlier process wrote: 100,000 of them take 3 s."""
        there = self._status_files.contents()
        for job, slug in enumerate(self._fold.slugs):
            if there.get(f"{slug}.status") == status_file(self._fold.status(job)):
                self._has_status[job] = True
                self._fold.changed.discard(job)

    def _write_status(self, job: int) -> None:
        self._status_files.write(job, self._fold.status(job))
        self._has_status[job] = True


def _failure_of(write: Callable[[], None]) -> EnvironmentFailedError | None:
    try:
        write()
    except EnvironmentFailedError as failure:
        return failure
    return None


def _now() -> str:
    """UTC, ISO 8601."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1000:06}Z"
