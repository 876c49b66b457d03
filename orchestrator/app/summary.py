"""What is known of a run that has ended, without reading its journal: its run summary, if it is current."""

from __future__ import annotations

from orchestrator import __version__
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.file_names import JOURNAL, PLAN, RUN_SUMMARY
from orchestrator.journal.liveness import is_driven
from orchestrator.journal.rundir import RunDir
from orchestrator.report.run_summary import RunSummary, read_run_summary


def load_summary(run: RunDir) -> RunSummary | None:
    """The summary of a run that no other process drives, if its journal and its plan have not changed since.

    None means that the journal must be read: the run is small, has not ended, was resumed, or is damaged.
    """
    try:
        summary = read_run_summary(run.read(RUN_SUMMARY), __version__)
    except EnvironmentFailedError:
        return None
    if summary is None or summary.head.run_id != run.run_id:  # a copy of a run has another ID
        return None
    return summary if is_unchanged(run, summary, JOURNAL, PLAN) else None


def load_summary_unless_driven(run: RunDir) -> RunSummary | None:
    """As `load_summary`, for any run: one that a process drives has not ended."""
    return None if is_driven(run) else load_summary(run)


def is_unchanged(run: RunDir, summary: RunSummary, *names: str) -> bool:
    """Whether these files have the same content as when the run ended. Reading and hashing 100 MB takes 0.1 s."""
    try:
        return all(run.digest(name) == summary.digests[name] for name in names)
    except OSError:
        return False
