"""How a page shows a status: by a class for its colour, a symbol and words. Not all readers see colour."""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.report.model import JobReport
from orchestrator.report.status import Status


class Badge(NamedTuple):
    """`kind` is a class of the style sheet: ok, bad, warn, busy or off."""

    kind: str
    symbol: str
    words: str


_OF_STATUS = {
    Status.PENDING: Badge("off", "·", "waiting"),
    Status.RUNNING: Badge("busy", "▶", "running"),
    Status.SUCCESS: Badge("ok", "✓", "succeeded"),
    Status.FAILED: Badge("bad", "✗", "failed"),
    Status.TIMED_OUT: Badge("bad", "✗", "timed out"),
    Status.LOST: Badge("bad", "✗", "lost"),
    Status.SKIPPED: Badge("off", "↷", "skipped"),
    Status.CANCELLED: Badge("off", "⊘", "cancelled"),
}
_OF_RESULT = {"SUCCESS": ("ok", "✓"), "FAILED": ("bad", "✗"), "RUNNING": ("busy", "▶")}
_OF_ATTEMPT = {
    "succeeded": Status.SUCCESS,
    "failed": Status.FAILED,
    "timed_out": Status.TIMED_OUT,
    "lost": Status.LOST,
    "killed": Status.CANCELLED,
    "running": Status.RUNNING,
}


def status_badge(status: Status, *, allowed: bool = False) -> Badge:
    """The badge of a job with this status; `allowed`: its failure is."""
    badge = _OF_STATUS[status]
    return Badge("warn", "!", f"{badge.words} (allowed)") if allowed else badge


def job_badge(job: JobReport) -> Badge:
    """The badge of a job."""
    return status_badge(job.status, allowed=job.allowed)


def result_badge(result: str) -> Badge:
    """The badge of a run."""
    kind, symbol = _OF_RESULT.get(result, ("off", "⊘"))
    return Badge(kind, symbol, result)


def attempt_badge(how: str) -> Badge:
    """The badge of a bar of the timeline."""
    if how == "interrupted":
        return Badge("off", "⊘", "interrupted")
    return status_badge(_OF_ATTEMPT.get(how, Status.FAILED))


def marked(badge: Badge) -> str:
    """The badge as HTML: a symbol, which is decoration, and words."""
    return f'<span class="{badge.kind}"><i aria-hidden="true">{badge.symbol}</i> {badge.words}</span>'
