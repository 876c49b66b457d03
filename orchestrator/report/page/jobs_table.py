"""The table of jobs: what failed first, then the others in the order of the plan. A script makes it sortable."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from orchestrator.console.text import clip, count, duration, size
from orchestrator.report.large_runs import IN_HTML, count_failures
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.page.badges import job_badge, marked
from orchestrator.report.page.context import PageContext
from orchestrator.report.page.markup import inline, log_link, shown
from orchestrator.report.page.sparkline import sparkline
from orchestrator.report.status import FAILED_STATUSES, Status
from orchestrator.report.times import job_time

WHOLE_UP_TO = 1000  # jobs; of more, only the failed ones and the slowest of the others are listed
MOST_TROUBLE = 200
MOST_LEFT_OUT = 200
LONGEST_REASON = 300
LONGEST_DESCRIPTION = 200

_UNREMARKABLE = (Status.SUCCESS, Status.PENDING, Status.SKIPPED, Status.LEFT_OUT)
_COLUMNS = (
    ("Job", ""),
    ("Status", ""),
    ("Attempts", "n"),
    ("Exit", "n"),
    ("Start", "n"),
    ("Time", "n"),
    ("CPU", "n"),
    ("Peak memory", "n"),
    ("Log", ""),
    ("Reason", ""),
)


def jobs_section(report: RunReport, context: PageContext) -> Iterator[str]:
    """The section."""
    yield '<section id="jobs"><h2>Jobs</h2>'
    if report.jobs:
        yield from _table(report, context)
    else:
        yield "<p>The plan has no jobs.</p>"
    yield from _left_out(report)
    yield "</section>"


def _table(report: RunReport, context: PageContext) -> Iterator[str]:
    listed, rest = listed_jobs(report)
    has_hosts = report.has_other_hosts
    columns = [*_COLUMNS, *([("Host", "")] * has_hosts), *([("Earlier runs", "")] if context.history else [])]
    yield '<div class="scroll" role="region" aria-label="Table of jobs" tabindex="0"><table class="jobs">'
    yield f"<caption><span>{_caption(report, rest)}</span></caption><thead><tr>"
    yield "".join(f'<th scope="col"{_of_kind(kind)}>{title}' for title, kind in columns)
    yield "</thead><tbody>"
    for index in listed:
        yield _row(report, index, context, has_hosts=has_hosts)
    yield "</tbody></table></div>"
    if rest:
        hidden = count_failures(report.jobs) - count_failures(report.jobs[index] for index in listed)
        of_them = f", of which {hidden} failed, timed out or were lost" if hidden else ""
        yield f"<p>{count(rest, 'more job')} not shown{of_them}; all are in <code>results_summary.json</code>.</p>"


def _left_out(report: RunReport) -> Iterator[str]:
    """Workflows that have no part in the run, and why."""
    found = report.plan.left_out
    if not found:
        return
    yield f"<details><summary>{count(len(found), 'workflow')} left out</summary><ul>"
    yield from (f"<li><b>{shown(name)}</b>: {inline(reason)}" for name, reason in found[:MOST_LEFT_OUT])
    if len(found) > MOST_LEFT_OUT:
        yield f"<li>{len(found) - MOST_LEFT_OUT} more"
    yield "</ul></details>"


def listed_jobs(report: RunReport) -> tuple[Sequence[int], int]:
    """The indices of the jobs to list, and the number of the others."""
    jobs = report.jobs
    if len(jobs) <= WHOLE_UP_TO:
        return sorted(range(len(jobs)), key=lambda index: _urgency(jobs[index])), 0
    trouble = [index for index, job in enumerate(jobs) if job.status not in _UNREMARKABLE]
    trouble = sorted(trouble, key=lambda index: _urgency(jobs[index]))[:MOST_TROUBLE]
    fine = (index for index, job in enumerate(jobs) if job.status is Status.SUCCESS)
    slowest = heapq.nlargest(IN_HTML.slowest, fine, key=lambda index: jobs[index].execution_time_seconds)
    return trouble + slowest, len(jobs) - len(trouble) - len(slowest)


def _urgency(job: JobReport) -> int:
    if job.status in FAILED_STATUSES:
        return 1 if job.allowed else 0
    return 3 if job.status in _UNREMARKABLE else 2


def _caption(report: RunReport, rest: int) -> str:
    if rest:
        return f"Failed jobs first, then the slowest; {len(report.jobs) - rest} of {len(report.jobs)} jobs"
    failed = any(job.status in FAILED_STATUSES for job in report.jobs)
    return f"{'Failed jobs first, then the' if failed else 'The'} jobs in the order of the plan"


def _row(report: RunReport, index: int, context: PageContext, *, has_hosts: bool) -> str:
    """Without the optional end tags: there may be a thousand rows."""
    job, planned = report.jobs[index], report.plan.jobs[index]
    what = (
        f'<br><span class="dim">{shown(clip(planned.description, LONGEST_DESCRIPTION))}</span>'
        if planned.description
        else ""
    )
    name = f'<tr id="j{index}"><th scope="row">{shown(job.job_id)}{what}<td>{marked(job_badge(report, job))}'
    reason = inline(clip(job.reason, LONGEST_REASON)) if job.reason else ""
    past = context.history.get(job.job_id, ())
    last = f"<td>{shown(job.host or '')}" if has_hosts else ""
    last += f"<td>{sparkline(past, job)}" if context.history else ""
    if not job.attempts:
        log = log_link(job.log_file, context.log_base, "log") if job.log_file else ""
        return f"{name}<td><td><td><td><td><td><td>{log}<td>{reason}{last}"
    took = job_time(report, index)
    exit_code = job.signal or ("" if job.exit_code is None else str(job.exit_code))
    return (
        f"{name}<td class=n>{job.attempts}<td class=n>{shown(exit_code)}{_seconds(report.began[index])}"
        f"<td class=n data-v={0.0 if took is None else took.total:.4g}>{took or ''}{_seconds(job.cpu_seconds)}"
        f"<td class=n data-v={job.max_rss_bytes}>{size(job.max_rss_bytes)}"
        f"<td>{log_link(job.log_file, context.log_base, 'log')}<td>{reason}{last}"
    )


def _seconds(value: float) -> str:
    return f"<td class=n data-v={value:.4g}>{duration(value)}"


def _of_kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
