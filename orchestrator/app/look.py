"""What the commands that look at runs share: which run is meant, its plan, and the events of its journal so far."""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestrator.cli.options import STDIN, add_run_root, find_manifest, one_of, run_root_of, settings_for
from orchestrator.diagnostics.repository import folders_upward
from orchestrator.errors import EnvironmentFailedError, RefusedError, UsageError
from orchestrator.journal.file_names import JOURNAL, PLAN
from orchestrator.journal.liveness import is_driven
from orchestrator.journal.plan_file import NoPlanError, read_plan_data
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import DEFAULT_ROOT, RunDir, find_run, list_runs
from orchestrator.plan.export import plan_from_dict

if TYPE_CHECKING:
    from orchestrator.cli.main import Parser

RUN_HELP = "a run's id or the beginning of it; by default the last run"
PATIENCE = 5.0  # seconds that a run may take to write its plan
PAUSE = 0.05

Sink = Callable[[Mapping[str, Any]], None]


def add_looking_arguments(parser: Parser, *formats: str) -> None:
    """`--format`, whose first value is the default, and `--run-root`."""
    parser.add_argument(
        "--format",
        metavar="|".join(formats),
        type=one_of(*formats),
        default=formats[0],
        help=f"{formats[0]} (default) or {', '.join(formats[1:])}",
    )
    add_run_root(parser)


def add_run(parser: Parser) -> None:
    """The word RUN."""
    parser.usage = f"{parser.prog} [RUN] [flags]"
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN_HELP)


def run_root(arguments: argparse.Namespace) -> str:
    """Where runs are kept, by the flag, the settings or the default."""
    try:
        manifest = find_manifest()
    except UsageError:
        manifest = STDIN
    settings = settings_for(arguments, manifest)
    if settings.warnings:
        from orchestrator.app.planning import tell_warnings

        tell_warnings(settings.warnings)
    return run_root_of(settings)


def chosen_run(arguments: argparse.Namespace, root: str | None = None) -> RunDir:
    """The run that `arguments.run` names. Raises UsageError when there is none, or several begin so."""
    root = run_root(arguments) if root is None else root
    try:
        return find_run(root, arguments.run)
    except UsageError:
        other = _runs_above(root)
        if other is None or list_runs(root):
            raise
    raise UsageError(f"there is no run in `{root}`", help=f"there is one in `{other}`: name that with `--run-root`")


def _runs_above(root: str) -> str | None:
    """Another place in which runs are kept, in the current folder or one above."""
    for folder in folders_upward("."):
        place = os.path.relpath(os.path.join(folder, DEFAULT_ROOT))
        with suppress(EnvironmentFailedError):
            if place != os.path.normpath(root) and list_runs(place):
                return place
    return None


class Look:
    """A run as its plan and its journal tell it. Raises RefusedError for damage in either.

    `plan_data` is what the file of the plan holds, for who wants to judge by that; else it is given up at once, since
    it takes as much memory as all the rest.
    """

    def __init__(self, run: RunDir, *, keeps_plan_data: bool = False) -> None:
        self.run = run
        self.driven = is_driven(run)  # asked first: a run that ends while its journal is read is no interrupted one
        gc.disable()  # a large plan is all survivors; looking for garbage among them takes longer than reading it
        try:
            data = self._plan_data()
            self.plan = plan_from_dict(data)
            self.plan_data = data if keeps_plan_data else {}
            del data
            gc.freeze()
        finally:
            gc.enable()
        self._ids = frozenset(job.id for job in self.plan.jobs)
        self._reader = JournalReader(run)

    def feed(self, *sinks: Sink) -> int:
        """Give all events that came since the last time to each sink, and return how many there were."""
        before, self.driven, ids = self._reader.next_seq, is_driven(self.run), self._ids
        gc.disable()
        try:
            for event in self._reader:
                job = event.get("job")
                if job is None:
                    self._check_plan(event)
                elif job not in ids:
                    where = f"`{self.run.path_of(JOURNAL)}`, line {self._reader.next_seq}"
                    raise RefusedError(f"{where}: `{job}` is no job of the plan", code="PX405")
                for sink in sinks:
                    sink(event)
        finally:
            gc.enable()
        return self._reader.next_seq - before

    def _check_plan(self, event: Mapping[str, Any]) -> None:
        """Refuse a journal that is not of this plan."""
        if event["event"] == "run.started" and event["plan_digest"] != self.plan.digest:
            raise RefusedError(f"`{self.run.path_of(PLAN)}` is not the plan of this run", code="PX405")

    @property
    def lines(self) -> int:
        """How many lines of the journal were read."""
        return self._reader.next_seq

    def now(self, at: float, ts: str | None) -> float:
        """The second of the run that it is now; at time of day `ts` it was `at`."""
        from datetime import datetime

        if ts is None or not self.driven:
            return at
        return at + max(0.0, time.time() - datetime.fromisoformat(ts).timestamp())

    def _plan_data(self) -> dict[str, Any]:
        """The plan; a run that is just starting may take a moment to write it."""
        give_up_at = time.monotonic() + PATIENCE
        while True:
            try:
                return read_plan_data(self.run)
            except NoPlanError:
                if not is_driven(self.run) or time.monotonic() > give_up_at:
                    raise
            time.sleep(PAUSE)


def as_json(data: Any, *, indent: int | None = 2) -> str:
    """Plain data or structs as JSON with a newline at its end. Pure ASCII, so no terminal is driven by it."""
    import json

    import msgspec

    return json.dumps(msgspec.to_builtins(data), indent=indent) + "\n"
