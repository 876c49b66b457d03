"""How a page shows a status: by a class for its colour, a symbol and words. Not all readers see colour."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from orchestrator.console.theme import mark_of
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import Status, result_word
from orchestrator.report.timeline_bars import INTERRUPTED, UNDER_WAY, Bar


class Badge(NamedTuple):
    """`kind` is a class of the style sheet: ok, bad, warn, busy or off."""

    kind: str
    symbol: str
    words: str


_KINDS = {
    Status.PENDING: "off",
    Status.RUNNING: "busy",
    Status.SUCCESS: "ok",
    Status.FAILED: "bad",
    Status.TIMED_OUT: "bad",
    Status.LOST: "bad",
    Status.SKIPPED: "off",
    Status.CANCELLED: "warn",
    Status.LEFT_OUT: "off",
}
_INTERRUPTED = Status.CANCELLED  # looks like it
_OF_ATTEMPT = {
    "succeeded": Status.SUCCESS,
    "failed": Status.FAILED,
    "timed_out": Status.TIMED_OUT,
    "lost": Status.LOST,
    "killed": Status.CANCELLED,
    UNDER_WAY: Status.RUNNING,
    INTERRUPTED: Status.RUNNING,
}


@cache
def status_badge(status: Status, *, allowed: bool = False, driven: bool = True) -> Badge:
    """The badge of a job with this status; `allowed`: its failure is; `driven`: a process drives the run."""
    if status is Status.RUNNING and not driven:
        return Badge("warn", mark_of(_INTERRUPTED).symbol, INTERRUPTED)
    symbol = mark_of(status, allowed=allowed).symbol
    words = status.words
    if status is Status.PENDING:
        words = "waiting" if driven else "not started"
    return Badge("warn", symbol, f"{words} (allowed)") if allowed else Badge(_KINDS[status], symbol, words)


def job_badge(report: RunReport, job: JobReport) -> Badge:
    """The badge of a job of a run."""
    return status_badge(job.status, allowed=job.allowed, driven=report.result == Status.RUNNING)


def result_badge(result: str) -> Badge:
    """The badge of a run."""
    status = Status.__members__.get(result, _INTERRUPTED)
    return Badge(_KINDS[status], mark_of(status).symbol, result_word(result))


def attempt_badge(report: RunReport, bar: Bar) -> Badge:
    """The badge of an attempt in the timeline."""
    driven = report.result == Status.RUNNING and bar.how != INTERRUPTED
    return status_badge(_OF_ATTEMPT.get(bar.how, Status.FAILED), driven=driven)


def bar_kind(report: RunReport, bar: Bar, *, is_last: bool) -> str:
    """The class of a bar: a failure that decided nothing, since it was retried or allowed, looks different from one
    that did."""
    kind = attempt_badge(report, bar).kind
    if kind == "bad" and (report.jobs[bar.job].allowed or not is_last):
        return "warn"
    return "off" if kind == "warn" else kind  # cancelled


def marked(badge: Badge) -> str:
    """The badge as HTML: a symbol, which is decoration, and words."""
    return f'<span class="{badge.kind}"><i aria-hidden="true">{badge.symbol}</i> {badge.words}</span>'
