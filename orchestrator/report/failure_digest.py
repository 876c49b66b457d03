"""What went wrong in a run that has ended: each failure with the end of its log, and everything that follows from one
cause in one line. Plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.console.text import columns, count, pad, visible
from orchestrator.console.theme import FAINT, mark_of, painted
from orchestrator.engine.states import CancelReason
from orchestrator.engine.stop import cause_of
from orchestrator.report.large_runs import ON_SCREEN, causes_of_skipped
from orchestrator.report.last_lines import LastLines
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILED_STATUSES, Status
from orchestrator.report.times import job_time

MOST_TAILS = 10
MOST_LISTED = 30  # of one kind; more are counted
LINES = 15
LINES_OF_ONE = 40  # of the log of a single failure
WIDEST_ID = 40

_NO_OTHER_REASON = cause_of(CancelReason.USER, None, "")  # that the whole run was cancelled, which the totals have


class Look:
    """How the digest looks: `utf8` and `colour` as the stream has them."""

    def __init__(self, *, utf8: bool, colour: bool) -> None:
        self._utf8 = utf8
        self._colour = colour

    def mark(self, status: Status, *, allowed: bool = False) -> str:
        """The symbol of a status."""
        mark = mark_of(status, allowed=allowed)
        return painted(mark.text(utf8=self._utf8), mark.style, colour=self._colour)

    def faint(self, text: str) -> str:
        """Text that matters less."""
        return painted(text, FAINT, colour=self._colour)


def tails_wanted(report: RunReport) -> dict[str, int]:
    """The logs of which the digest shows the end, and how many lines of each."""
    failed = [job for job in report.jobs if job.status in FAILED_STATUSES and not job.allowed]
    lines = LINES_OF_ONE if len(failed) == 1 else LINES
    return {job.log_file: lines for job in failed[:MOST_TAILS] if job.log_file is not None}


def digest(report: RunReport, tails: Mapping[str, LastLines], directory: str, look: Look) -> str:
    """The text, each line with its newline; empty if nothing went wrong.

    `tails` are the ends of the logs of `tails_wanted`, `directory` is that of the run, as users may write it.
    """
    failed = [index for index, job in enumerate(report.jobs) if job.status in FAILED_STATUSES and not job.allowed]
    allowed = [index for index, job in enumerate(report.jobs) if job.status in FAILED_STATUSES and job.allowed]
    width = min(WIDEST_ID, max((columns(_id(report.jobs[index])) for index in (*failed, *allowed)), default=0))
    lines: list[str] = []
    for index in failed[:MOST_LISTED]:
        lines.append(_line(report, index, width, look))
        lines += _tail(tails.get(report.jobs[index].log_file or ""), directory, report.jobs[index], look)
    lines += _more(len(failed), "failure", look.mark(Status.FAILED))
    lines += [_line(report, index, width, look) for index in allowed[:MOST_LISTED]]
    lines += _more(len(allowed), "allowed failure", look.mark(Status.FAILED, allowed=True))
    lines += _cancelled(report, look)
    lines += _skipped(report, look)
    return "".join(f"{line}\n" for line in lines)


def _line(report: RunReport, index: int, width: int, look: Look) -> str:
    """How a job failed: `✗ test-4  failed after 2.3s: exit code 1 (attempt 2 of 2)`."""
    job = report.jobs[index]
    took = job_time(report, index)
    text = job.status.phrase
    if job.allowed:
        text += ", allowed"
    elif took is not None:
        text += f" after {took}"
    if job.reason:
        text += f": {visible(job.reason)}"
    return f"{look.mark(job.status, allowed=job.allowed)} {pad(_id(job), width)}  {text}{_attempt(report, index)}"


def _attempt(report: RunReport, index: int) -> str:
    """Which attempt failed, unless there was to be one only. After a resume, attempts are counted on."""
    made, most = report.jobs[index].attempts, report.plan.jobs[index].retry.max_attempts
    if made == 0 or (made == 1 and most == 1):
        return ""
    return f" (attempt {made} of {most})" if made <= most else f" (attempt {made})"


def _tail(tail: LastLines | None, directory: str, job: JobReport, look: Look) -> Iterator[str]:
    """The end of a job's log, and where all of it is."""
    if tail is None or not tail.lines:
        return
    for line in tail.lines:
        yield f"    {look.faint('|')} {line}".rstrip()
    path = visible(f"{directory}/{job.log_file}")
    yield "    " + look.faint(f"log: {path}" if tail.is_whole else f"last {count(len(tail.lines), 'line')} of {path}")


def _more(number: int, noun: str, mark: str) -> Iterator[str]:
    if number > MOST_LISTED:
        yield f"{mark} {number - MOST_LISTED} more {noun}{'s' if number - MOST_LISTED > 1 else ''}"


def _cancelled(report: RunReport, look: Look) -> Iterator[str]:
    """The cancelled jobs by the reason, and by whether they ran; first those that did."""
    folded: dict[tuple[bool, str], list[JobReport]] = {}
    for job in report.jobs:
        if job.status is Status.CANCELLED:
            folded.setdefault((job.started_at is None, job.reason), []).append(job)
    mark = look.mark(Status.CANCELLED)
    for not_started, reason in sorted(folded)[:MOST_LISTED]:
        members = folded[not_started, reason]
        who = _id(members[0]) if len(members) == 1 else count(len(members), "job")
        when = "before starting" if not_started else "while running"
        why = "" if reason in ("", _NO_OTHER_REASON) else f": {visible(reason)}"
        yield f"{mark} {who} cancelled {when}{why}"
    if len(folded) > MOST_LISTED:
        yield f"{mark} others cancelled for {len(folded) - MOST_LISTED} more reasons"


def _skipped(report: RunReport, look: Look) -> Iterator[str]:
    """The skipped jobs by the job that caused it; most first."""
    if report.counts.get(Status.SKIPPED, 0) == 0:
        return
    mark = look.mark(Status.SKIPPED)
    folded: dict[int | None, list[int]] = {}
    for index, cause in causes_of_skipped(report).items():
        folded.setdefault(cause, []).append(index)
    causes = sorted(folded.items(), key=lambda item: -len(item[1]))
    for cause, members in causes[: ON_SCREEN.causes]:
        who = _id(report.jobs[members[0]]) if len(members) == 1 else count(len(members), "job")
        why = "no need failed" if cause is None else f"{_id(report.jobs[cause])} {report.jobs[cause].status.phrase}"
        yield f"{mark} {who} skipped because {why}"
    if others := causes[ON_SCREEN.causes :]:
        number = sum(len(members) for _, members in others)
        yield f"{mark} {count(number, 'more job')} skipped because of {count(len(others), 'other job')}"


def _id(job: JobReport) -> str:
    return visible(job.job_id)
