"""Which run is meant, its plan, and the events of its journal so far: for everything that reads runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from orchestrator.diagnostics.repository import directories_upward
from orchestrator.errors import EnvironmentFailedError, RefusedError, UsageError
from orchestrator.garbage_collection import collector_paused
from orchestrator.journal.file_names import JOURNAL, PLAN
from orchestrator.journal.liveness import first_event, is_driven
from orchestrator.journal.place_record import manifest_identity
from orchestrator.journal.plan_file import NoPlanError, read_plan_data
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import DEFAULT_ROOT, LAST, PREVIOUS, RunDir, find_run, list_runs
from orchestrator.plan.export import plan_from_dict, plan_to_dict
from orchestrator.plan.grown_plan import Grown, grown

PATIENCE = 20.0  # seconds that a run may take to write its plan
PAUSE = 0.05

Sink = Callable[[Mapping[str, Any]], None]


def choose_run(root: str, run_id: str | None) -> RunDir:
    """The run of `find_run`, by default the last one. Raises UsageError if there is none, or it is ambiguous."""
    try:
        return find_run(root, run_id)
    except UsageError:
        other = _other_root(root)
        if other is None or list_runs(root):
            raise
    raise UsageError(f"no runs in `{root}`", help=f"there are runs in `{other}`; use `--run-root {other}`")


def last_run_of(manifest: str, root: str, run_id: str | None = None) -> RunDir:
    """The run whose id begins with `run_id`, which must be one of this manifest; by default, and for `last`, the last
    one of it, and for `previous` the one before. Raises UsageError if there is none."""
    path = os.path.abspath(manifest)
    directory = os.path.relpath(os.path.realpath(os.path.dirname(path)), os.path.realpath(root))
    in_root = os.path.join(directory, os.path.basename(path))
    later = 1 if run_id == PREVIOUS else 0  # runs of the manifest that are not the one
    is_one = run_id is not None and run_id not in (LAST, PREVIOUS)
    for one in [run_id] if is_one else reversed(list_runs(root)):
        run = choose_run(root, one)
        if manifest_of_run(run) in (path, in_root):
            if not later:
                return run
            later -= 1
        run.close()
        if is_one:
            raise UsageError(f"run `{run.run_id}` is not a run of `{manifest}`", help="name only one of them")
    what = "no run before the last one" if run_id == PREVIOUS else "no runs"
    raise UsageError(f"{what} of `{manifest}` in `{root}`", help="`pexec apply` starts one; `pexec runs` lists all")


def manifest_of_run(run: RunDir) -> object | None:
    """What is equal for the runs of one manifest in one run root; None for a run that has not begun."""
    started = first_event(run)
    return None if started is None or started.get("event") != "run.started" else manifest_identity(started)


def _other_root(root: str) -> str | None:
    """Another directory of runs, in the current directory or one of its parents."""
    for directory in directories_upward("."):
        other = os.path.relpath(os.path.join(directory, DEFAULT_ROOT))
        with suppress(EnvironmentFailedError):
            if other != os.path.normpath(root) and list_runs(other):
                return other
    return None


class Look:
    """A run by its plan and its journal. Raises RefusedError if either is damaged. `plan` has the jobs that have taken
    the place of placeholders; once more of them are known, `has_grown`, and a new look sees them.

    `plan_data` is the content of the plan's file with `keeps_plan_data`; else it is freed at once, since it takes as
    much memory as everything else.
    """

    def __init__(self, run: RunDir, *, keeps_plan_data: bool = False) -> None:
        self.run = run
        self.driven = is_driven(run)  # checked first: a run that ends while its journal is read was not interrupted
        with collector_paused(freeze=True):
            data = self._plan_data()
            self.plan = plan_from_dict(data)
            self.plan_data = data if keeps_plan_data else {}
            del data
        self.has_grown = False
        self.placeholders = {job.id: job for job in self.plan.jobs if job.run_matrix is not None}
        self.engine_ids = tuple(job.id for job in self.plan.jobs)
        growths = self._growths() if self.placeholders else []
        self._known_growths = {one.workflow for one in growths}
        if growths:
            self.engine_ids += tuple(f"{one.workflow}[{cell.label}]" for one in growths for cell in one.cells)
            self.plan = grown(self.plan, growths)
            self.plan_data = plan_to_dict(self.plan) if keeps_plan_data else {}
        self._ids = frozenset((*self.engine_ids, *(job.id for job in self.plan.jobs)))
        self._reader = JournalReader(run)

    def _growths(self) -> list[Grown]:
        """What has taken the place of placeholders so far."""
        from orchestrator.journal.facts_as_events import grown_from_event

        return [grown_from_event(event) for event in JournalReader(self.run) if event["event"] == "matrix.expanded"]

    def feed(self, *sinks: Sink) -> int:
        """Pass the events since the last call to each sink, and return their number."""
        before, self.driven, ids = self._reader.next_seq, is_driven(self.run), self._ids
        with collector_paused():
            for event in () if self.has_grown else self._reader:
                is_growth = event["event"] == "matrix.expanded" and event["job"] in self.placeholders
                if is_growth and event["workflow"] not in self._known_growths:
                    self.has_grown = True
                    break
                job = event.get("job")
                if job is None:
                    self._check_plan(event)
                elif job not in ids:
                    where = f"`{self.run.path_of(JOURNAL)}`, line {self._reader.next_seq}"
                    raise RefusedError(f"{where}: unknown job `{job}`", code="PX405")
                for sink in sinks:
                    sink(event)
        return self._reader.next_seq - before

    def _check_plan(self, event: Mapping[str, Any]) -> None:
        """Refuse a journal of another plan."""
        if event["event"] == "run.started" and event["plan_digest"] != self.plan.digest:
            raise RefusedError(f"`{self.run.path_of(PLAN)}` is not the plan of this run", code="PX405")

    @property
    def lines(self) -> int:
        """The number of lines of the journal that were read."""
        return self._reader.next_seq

    def now(self, at: float, ts: str | None) -> float:
        """The current second of the run, which at time of day `ts` was `at`."""
        from datetime import datetime

        if ts is None or not self.driven:
            return at
        return at + max(0.0, time.time() - datetime.fromisoformat(ts).timestamp())

    def _plan_data(self) -> dict[str, Any]:
        """The content of the plan's file, which a run that is starting may not have written yet."""
        give_up_at = time.monotonic() + PATIENCE
        while True:
            try:
                return read_plan_data(self.run)
            except NoPlanError:
                if not is_driven(self.run) or time.monotonic() > give_up_at:
                    raise
            time.sleep(PAUSE)
