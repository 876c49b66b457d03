"""What went wrong, first of all: each failed job with its reason and the end of its log, and the attempts that failed
before one succeeded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from orchestrator.console.text import clip, count, size
from orchestrator.report.failed_attempts import MOST_OF_A_JOB, FailedAttempt, FailedAttempts
from orchestrator.report.large_runs import skip_causes
from orchestrator.report.log_tail import LogTail
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.page.badges import Badge, job_badge, marked, status_badge
from orchestrator.report.page.context import PageContext
from orchestrator.report.page.markup import inline, lines, log_link, shown
from orchestrator.report.status import FAILED_STATUSES, Status
from orchestrator.report.times import JobTime, job_time

MOST_FAILURES = 50
OPEN = 3  # failures that are unfolded when the page is opened
TAIL_LINES = 40
TAIL_LENGTH = 8 * 1024
TAILS_LENGTH = 256 * 1024  # of all tails of a page
LONGEST_LINE = 1000
LONGEST_REASON = 2000


class Failure(Struct, frozen=True):
    """A job, by its index, that did not succeed, or only after failed attempts: `attempts`, oldest first. `time` is
    None if it has not started in the current part of a resumed run."""

    index: int
    job: JobReport
    attempts: Sequence[FailedAttempt]
    time: JobTime | None
    badge: Badge


def failures_of(report: RunReport, failed: FailedAttempts) -> list[Failure]:
    """Failed jobs, then allowed failures, then jobs that succeeded after a retry; in the order of the plan."""
    driven = report.result == Status.RUNNING
    found = []
    for index, job in enumerate(report.jobs):
        attempts = failed.of(job, driven=driven)
        if attempts:
            found.append(Failure(index, job, attempts, job_time(report, index), job_badge(report, job)))
    return sorted(found, key=lambda one: _order(one.job))


def logs_shown(report: RunReport, failed: FailedAttempts) -> list[str]:
    """The logs whose ends the page shows."""
    found = failures_of(report, failed)[:MOST_FAILURES]
    return [attempt.log for one in found for attempt in one.attempts[-MOST_OF_A_JOB:] if attempt.log]


def failures(report: RunReport, failed: FailedAttempts, context: PageContext) -> Iterator[str]:
    """The section; nothing if nothing failed."""
    found = failures_of(report, failed)
    if not found:
        return
    groups = [[one for one in found if _order(one.job) == order] for order in range(3)]
    entries = _Entries(Counter(dict(skip_causes(report))), context)
    yield f'<section id="failures"><h2>{"Failures" if groups[0] else "Failed attempts"}</h2>'
    yield from entries.of(groups[0], opened=OPEN)
    for group, one, many in (
        (groups[1], "allowed failure", "allowed failures"),
        (groups[2], "job that succeeded after a failed attempt", "jobs that succeeded after failed attempts"),
    ):
        if group:
            yield f"<details><summary>{count(len(group), one, many)}</summary>"
            yield from entries.of(group)
            yield "</details>"
    yield "</section>"


class _Entries:
    """Writes the entries of a page, whose log tails together have a limit."""

    def __init__(self, skipped: Counter[int | None], context: PageContext) -> None:
        self._skipped = skipped
        self._context = context
        self._budget = TAILS_LENGTH

    def of(self, found: Sequence[Failure], opened: int = 0) -> Iterator[str]:
        """One `<details>` for each, the first of them unfolded."""
        for number, one in enumerate(found[:MOST_FAILURES]):
            yield f"<details{' open' if number < opened else ''}><summary>{_headline(one)}</summary>"
            if self._skipped[one.index]:
                yield f"<p>{count(self._skipped[one.index], 'job')} skipped because of it.</p>"
            latest = one.attempts[-MOST_OF_A_JOB:]
            for attempt in reversed(latest):
                tail = _tail(attempt, self._context) if self._budget > 0 else ""
                self._budget -= len(tail)
                yield _attempt(one, attempt, self._context) + tail
            if len(latest) == MOST_OF_A_JOB and latest[0].number > 1:
                yield f"<p>{count(latest[0].number - 1, 'earlier attempt')} not shown.</p>"
            yield "</details>"
        if len(found) > MOST_FAILURES:
            yield f"<p>{count(len(found) - MOST_FAILURES, 'more job')} not shown here; see the table of jobs.</p>"


def _order(job: JobReport) -> int:
    if job.status in FAILED_STATUSES or job.status is Status.RUNNING:
        return 1 if job.allowed else 0
    return 2


def _headline(one: Failure) -> str:
    job = one.job
    after = f"after {one.time}" if one.time else ""
    attempts = f" in {count(job.attempts, 'attempt')}" if job.attempts > 1 else ""
    reason = f": {inline(clip(job.reason, LONGEST_REASON))}" if job.reason and job.status is not Status.SUCCESS else ""
    return (
        f'<span class="name"><b>{shown(job.job_id)}</b> {marked(one.badge)}{reason} '
        f'<span class="dim">{after}{attempts}</span></span>'
    )


def _attempt(one: Failure, attempt: FailedAttempt, context: PageContext) -> str:
    """One line about an attempt, with a link to its log. What the headline says is not repeated."""
    link = log_link(attempt.log, context.log_base)
    if one.job.attempts < 2 and attempt.reason == one.job.reason:
        return f"<p>{link}</p>" if link else ""
    how = attempt.signal or (f"exit code {attempt.exit_code}" if attempt.exit_code is not None else "")
    reason = attempt.reason if attempt.reason and attempt.reason != how else ""
    parts = [marked(_attempt_badge(one, attempt)), shown(how), inline(clip(reason, LONGEST_REASON))]
    which = f"Attempt {attempt.number}: " if one.job.attempts > 1 else ""
    return f"<p>{which}{', '.join(filter(None, (*parts, link)))}</p>"


def _attempt_badge(one: Failure, attempt: FailedAttempt) -> Badge:
    """That of the job where the run was interrupted during the attempt."""
    return one.badge if attempt.status is Status.RUNNING else status_badge(attempt.status)


def _tail(attempt: FailedAttempt, context: PageContext) -> str:
    tail = context.tails.get(attempt.log or "")
    if tail is None:
        return ""
    if not tail.text and not tail.omitted:
        return '<p class="dim">Its log is empty.</p>'
    last = cut_tail(tail)
    before = f'<p class="dim">The last {count(last.text.count(chr(10)) + 1, "line")}; {size(last.omitted)} before.</p>'
    label = shown(f"End of {attempt.log}")
    return (
        before if last.omitted else ""
    ) + f'<pre tabindex="0" role="region" aria-label="{label}">{lines(last.text)}</pre>'


def cut_tail(tail: LogTail) -> LogTail:
    """At most the last 40 lines, of at most 8 KiB; long lines are cut."""
    kept: list[str] = []
    length = 0
    for line in reversed(tail.text.split("\n")):
        cut = clip(line, LONGEST_LINE) if len(line) > LONGEST_LINE else line
        length += len(cut) + 1
        if kept and (len(kept) == TAIL_LINES or length > TAIL_LENGTH):
            break
        kept.append(cut)
    text = "\n".join(reversed(kept))
    return LogTail(text, tail.omitted + max(0, len(tail.text) - sum(map(len, kept)) - len(kept) + 1))
