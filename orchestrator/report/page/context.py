"""What a page shows besides the run itself, read by the caller: ends of logs, earlier runs, and where the logs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from orchestrator.report.log_tail import LogTail
from orchestrator.report.status import Status

MOST_PAST_RUNS = 20


class PastOutcome(Struct, frozen=True, gc=False):
    """How one job ended in an earlier run, and the seconds that it took."""

    status: Status
    seconds: float


class PageContext(Struct, frozen=True):
    """`tails` are by the names of logs; `history` has the outcomes of a job in earlier runs, oldest first, by its id.
    `log_base` is a URL from the page to the run directory: empty, or with a `/` at its end."""

    tails: Mapping[str, LogTail] = field(default_factory=dict)
    history: Mapping[str, Sequence[PastOutcome]] = field(default_factory=dict)
    log_base: str = ""


NO_CONTEXT = PageContext()
