"""What is known of a run that has ended without reading its journal again: its closing record, proved to be current."""

from __future__ import annotations

from orchestrator import __version__
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.file_names import CLOSING, JOURNAL, PLAN
from orchestrator.journal.liveness import is_driven
from orchestrator.journal.rundir import RunDir
from orchestrator.report.run_summary import RunSummary, read_run_summary


def load_summary(run: RunDir) -> RunSummary | None:
    """The closing record of a run that nobody else drives, while its journal and its plan are what they were then.

    None means that the journal has to be read: the run is small, or has not ended, or went on, or is damaged.
    """
    try:
        closing = read_run_summary(run.read(CLOSING), __version__)
    except EnvironmentFailedError:
        return None
    if closing is None or closing.head.run_id != run.run_id:  # a copy of a run has another id
        return None
    return closing if is_as_then(run, closing, JOURNAL, PLAN) else None


def load_summary_unless_driven(run: RunDir) -> RunSummary | None:
    """The same of any run: one that somebody drives has not ended."""
    return None if is_driven(run) else load_summary(run)


def is_as_then(run: RunDir, closing: RunSummary, *names: str) -> bool:
    """Whether these files have the content that they had when the run ended. 100 MB are read and hashed in 0.1 s."""
    try:
        return all(run.digest(name) == closing.digests[name] for name in names)
    except OSError:
        return False
