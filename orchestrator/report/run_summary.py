"""`.closing.json`: the summary of a large run that has ended, so that commands need not read its journal again.

The journal stays the source of truth. The summary has the digests of the files it was made from, and is valid only
while these files are unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from orchestrator.journal.file_names import HTML_REPORT, JOURNAL, PLAN, REPORT, RESULTS
from orchestrator.report.model import OutputValue, RunReport
from orchestrator.report.progress import (
    FailedJob,
    Head,
    Snapshot,
    WorkerState,
    failed_jobs,
    head_of_finished,
    outputs_of,
    worker_states,
)

DIGESTED = (JOURNAL, PLAN, RESULTS, REPORT, HTML_REPORT)


class RunSummary(Struct, frozen=True, forbid_unknown_fields=True):
    """`digests` has the SHA-256 of each file in `DIGESTED`; `version` is that of the pexec that wrote it."""

    version: str
    digests: Mapping[str, str]
    head: Head
    failed: list[FailedJob]
    outputs: dict[str, Mapping[str, OutputValue]] = {}
    workers: list[WorkerState] = []

    @property
    def snapshot(self) -> Snapshot:
        """The final snapshot of the run."""
        head = msgspec.structs.asdict(self.head)
        return Snapshot(**head, running=[], failed=self.failed, waiting=[], outputs=self.outputs, workers=self.workers)


def run_summary(report: RunReport, digests: Mapping[str, str], version: str) -> RunSummary:
    """The summary of a run that has ended."""
    jobs, workers = report.jobs, worker_states(report.workers, report.at)
    return RunSummary(version, digests, head_of_finished(report), failed_jobs(jobs), outputs_of(jobs), workers)


def run_summary_file(summary: RunSummary) -> bytes:
    """The content of the file."""
    return msgspec.json.encode(summary) + b"\n"


def read_run_summary(content: bytes, version: str) -> RunSummary | None:
    """None unless it was written by this version of pexec: another one may count differently."""
    try:
        summary = msgspec.json.decode(content, type=RunSummary)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return summary if summary.version == version and summary.digests.keys() == set(DIGESTED) else None
