"""`.closing.json`: a large run that has ended in a few numbers, and the digests of the files that they follow from.

The journal stays the truth. This says what reading it all again would say, and counts only while the journal, and
whatever else is looked at, has the very bytes that it had when the run ended.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from orchestrator.journal.file_names import HTML_REPORT, JOURNAL, PLAN, REPORT, RESULTS
from orchestrator.report.model import RunReport
from orchestrator.report.progress import Broken, Head, Snapshot, broken, head_of_finished

DIGESTED = (JOURNAL, PLAN, RESULTS, REPORT, HTML_REPORT)


class RunSummary(Struct, frozen=True, forbid_unknown_fields=True):
    """`digests` has the SHA-256 of each file of `DIGESTED`; `version` is of the pexec that wrote all of it."""

    version: str
    digests: Mapping[str, str]
    head: Head
    failed: list[Broken]

    @property
    def snapshot(self) -> Snapshot:
        """Where the run stands, for ever."""
        return Snapshot(**msgspec.structs.asdict(self.head), running=[], failed=self.failed, waiting=[])


def made_closing(report: RunReport, digests: Mapping[str, str], version: str) -> RunSummary:
    """What there is to say of a run that has ended."""
    return RunSummary(version, digests, head_of_finished(report), broken(report.jobs))


def closing_file(closing: RunSummary) -> bytes:
    """The content of the file."""
    return msgspec.json.encode(closing) + b"\n"


def read_run_summary(content: bytes, version: str) -> RunSummary | None:
    """None for what a pexec of this version did not write: another one may have counted otherwise."""
    try:
        closing = msgspec.json.decode(content, type=RunSummary)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return closing if closing.version == version and closing.digests.keys() == set(DIGESTED) else None
