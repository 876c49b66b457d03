"""The closing table, which is printed when a run has ended. Plain text, no wider than the terminal."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from orchestrator.console.text import clip, columns, count, duration, pad, percent, visible
from orchestrator.console.theme import STATUS_STYLES, painted
from orchestrator.report.large_runs import LARGE, ON_SCREEN, bands, cells, skip_causes, titles
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILED_STATUSES, Status

WHOLE_UP_TO = 40  # jobs; of more, only those that did not succeed and the slowest of the others are shown
LEAST_REASON = 20

_HEAD = ("job", "status", "time")


def closing_table(report: RunReport, run_dir: str, *, width: int = 80, colour: bool = False) -> str:
    """The table, the totals, and where the files are; ends in a newline. `width` is in columns."""
    jobs, hidden = _shown(report)
    lines = _lines(jobs, width, colour) if jobs else []
    if hidden:
        lines.append(f"... and {hidden}")
    if len(report.jobs) > LARGE:
        lines += _causes(report, width)
        lines += _levels(report)
    if lines:
        lines.append("")
    return "\n".join([*lines, *totals(report, run_dir, colour=colour)]) + "\n"


def totals(report: RunReport, run_dir: str, *, colour: bool = False) -> list[str]:
    """The last lines: the outcome, how the time was used, and where the run directory is."""
    summary = report.summary
    directory = f"run directory: {visible(run_dir)}"
    if not summary.total_jobs:
        left_out = f"; {count(len(report.plan.left_out), 'workflow')} left out" if report.plan.left_out else ""
        return [f"{report.result}: nothing to run{left_out}", directory]
    result = painted(report.result, STATUS_STYLES.get(report.result, ""), colour=colour)
    wall, slots = duration(summary.wall_time_seconds), count(report.max_parallel_jobs, "slot")
    return [
        f"{result} in {wall}: {report.job_counts}",
        f"{summary.speed_up:.1f}x parallel speedup, {percent(summary.utilisation)} of {slots} busy, "
        f"critical path {duration(summary.critical_path_seconds)}",
        directory,
    ]


def _shown(report: RunReport) -> tuple[list[JobReport], str]:
    """The jobs to show, and text about the others."""
    if len(report.jobs) <= WHOLE_UP_TO:
        return list(report.jobs), ""
    large = len(report.jobs) > LARGE  # then skipped jobs are shown by their causes
    trouble = [job for job in report.jobs if job.status is not Status.SUCCESS]
    if large:
        trouble = [job for job in trouble if job.status is not Status.SKIPPED]
    fine = [job for job in report.jobs if job.status is Status.SUCCESS]
    slowest = heapq.nlargest(ON_SCREEN.slowest, fine, key=lambda job: job.execution_time_seconds)
    # Failures come before what merely follows from them.
    trouble.sort(key=lambda job: job.status in (Status.SKIPPED, Status.CANCELLED, Status.PENDING))
    rest = [
        (len(trouble) - WHOLE_UP_TO, "that did not succeed"),
        (len(fine) - len(slowest), "that succeeded"),
    ]
    hidden = ", ".join(f"{number} more {what}" for number, what in rest if number > 0)
    return trouble[:WHOLE_UP_TO] + slowest, hidden


def _lines(jobs: Sequence[JobReport], width: int, colour: bool) -> list[str]:
    rows = [
        (
            clip(visible(job.job_id), max(width * 2 // 5, 8)),
            job.status.words,
            duration(job.execution_time_seconds) if job.attempts else "-",
            visible(_remark(job)),
        )
        for job in jobs
    ]
    job_width, status_width, time_width = (
        max(columns(head), *(columns(row[place]) for row in rows)) for place, head in enumerate(_HEAD)
    )
    room = max(width - job_width - status_width - time_width - 6, LEAST_REASON)
    styles = ["", *(_style(job) for job in jobs)]
    return [
        f"{pad(job, job_width)}  {painted(pad(status, status_width), style, colour=colour)}  {time:>{time_width}}  "
        f"{clip(remark, room)}".rstrip()
        for (job, status, time, remark), style in zip([(*_HEAD, ""), *rows], styles, strict=True)
    ]


def _causes(report: RunReport, width: int) -> Iterator[str]:
    """What caused most of the skipped jobs."""
    causes = skip_causes(report)
    for index, number in causes[: ON_SCREEN.causes]:
        what = (
            "no need failed" if index is None else f"of {clip(visible(report.jobs[index].job_id), max(width // 2, 8))}"
        )
        yield f"{count(number, 'job')} skipped because {what}"
    if len(causes) > ON_SCREEN.causes:
        left = sum(number for _, number in causes[ON_SCREEN.causes :])
        yield f"{count(left, 'job')} skipped because of {count(len(causes) - ON_SCREEN.causes, 'other')}"


def _levels(report: RunReport) -> list[str]:
    """A few bands of levels."""
    found = bands(report, ON_SCREEN.bands)
    if not found:
        return []
    rows = [titles(found), *cells(found, duration)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["", *("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)]


def _style(job: JobReport) -> str:
    return "" if job.status in (Status.PENDING, Status.RUNNING) else STATUS_STYLES[job.status]


def _remark(job: JobReport) -> str:
    """Why the job ended like this; for a failed job, also where its log is."""
    parts = [job.reason]
    if job.allowed:
        parts.append("allowed failure")
    if job.attempts > 1:
        parts.append(count(job.attempts, "attempt"))
    if job.log_file and job.status in FAILED_STATUSES:
        parts.append(job.log_file)
    return "; ".join(part for part in parts if part)
