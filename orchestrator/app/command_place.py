"""What a printed command has to name so that it is about a certain run, typed where the user is."""

from __future__ import annotations

import os

from orchestrator.app.caller_directory import changed_directory
from orchestrator.app.invocation import STDIN, find_manifest, run_root_of, settings_for
from orchestrator.errors import PexecError, UsageError
from orchestrator.journal.rundir import RunDir, list_runs
from orchestrator.report.totals import CommandPlace
from orchestrator.settings import variable_of


def command_place(rundir: RunDir, run_root: str) -> CommandPlace:
    """What a command that is typed next has to name to be about this run."""
    try:
        last = list_runs(run_root)[-1:]
    except PexecError:
        last = []
    return CommandPlace(
        directory=changed_directory(),
        run_root=None if _is_default(run_root) else run_root,
        run_id=None if last == [rundir.run_id] else rundir.run_id,
    )


def _is_default(run_root: str) -> bool:
    """Whether a command without `--run-root` finds this one. A variable counts as a flag: it may be set for one command
    only."""
    try:
        try:
            manifest = find_manifest()
        except UsageError:
            manifest = STDIN
        settings = settings_for({}, manifest)
        if settings.run_root is not None and settings.run_root.origin == variable_of("run_root"):
            return False
        return os.path.realpath(run_root_of(settings)) == os.path.realpath(run_root)
    except PexecError:
        return False
