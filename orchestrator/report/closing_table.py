"""The closing table: what stands on the screen when a run is over. Plain text, as wide as the terminal at most."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from orchestrator.console.text import clip, columns, count, duration, pad, percent, visible
from orchestrator.console.theme import STATUS_STYLES, painted
from orchestrator.report.bands import LARGE, bands, blamed, cells, titles
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import Status

WHOLE_UP_TO = 40  # jobs; beyond, only those that did not succeed and the slowest of the others
SLOWEST = 5
MOST_BANDS = 10
MOST_CAUSES = 5
LEAST_REASON = 20

_HEAD = ("job", "status", "time")


def closing_table(report: RunReport, run_folder: str, *, width: int = 80, colour: bool = False) -> str:
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
    return "\n".join([*lines, *totals(report, run_folder, colour=colour)]) + "\n"


def totals(report: RunReport, run_folder: str, *, colour: bool = False) -> list[str]:
    """The last lines: how it went, what it made of its time, and where the run folder is."""
    summary = report.summary
    folder = f"run folder: {visible(run_folder)}"
    if not summary.total_jobs:
        left_out = len(report.plan.left_out)
        why = f", {count(left_out, 'workflow')} left out" if left_out else ""
        return [f"{report.result}: there was nothing to run{why}", folder]
    others = [
        (summary.failed_jobs, "failed"),
        (summary.allowed_failures, "failed as allowed"),
        (summary.skipped_jobs, "skipped"),
        (summary.cancelled_jobs, "cancelled"),
        (summary.unfinished_jobs, "unfinished"),
    ]
    told = "".join(f", {number} {what}" for number, what in others if number)
    result = painted(report.result, STATUS_STYLES.get(report.result, ""), colour=colour)
    wall, slots = duration(summary.wall_time_seconds), count(report.max_parallel_jobs, "slot")
    return [
        f"{result} in {wall}: {summary.successful_jobs} of {count(summary.total_jobs, 'job')} succeeded{told}",
        f"speed-up {summary.speed_up:.1f}, {percent(summary.utilisation)} of {slots} used, "
        f"critical path {duration(summary.critical_path_seconds)}",
        folder,
    ]


def _shown(report: RunReport) -> tuple[list[JobReport], str]:
    """The jobs to show, and what is said of the others."""
    if len(report.jobs) <= WHOLE_UP_TO:
        return list(report.jobs), ""
    large = len(report.jobs) > LARGE  # then what was skipped is told folded
    trouble = [job for job in report.jobs if job.status is not Status.SUCCESS]
    if large:
        trouble = [job for job in trouble if job.status is not Status.SKIPPED]
    fine = [job for job in report.jobs if job.status is Status.SUCCESS]
    slowest = heapq.nlargest(SLOWEST, fine, key=lambda job: job.execution_time_seconds)
    # What broke by itself goes before what only follows from it.
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
    """What most of the skipped jobs were skipped for."""
    causes = blamed(report)
    for index, number in causes[:MOST_CAUSES]:
        what = (
            "no need failed" if index is None else f"of {clip(visible(report.jobs[index].job_id), max(width // 2, 8))}"
        )
        yield f"{count(number, 'job')} skipped because {what}"
    if len(causes) > MOST_CAUSES:
        left = sum(number for _, number in causes[MOST_CAUSES:])
        yield f"{count(left, 'job')} skipped because of {count(len(causes) - MOST_CAUSES, 'other')}"


def _levels(report: RunReport) -> list[str]:
    """A few bands of levels."""
    found = bands(report, MOST_BANDS)
    if not found:
        return []
    rows = [titles(found), *cells(found, duration)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["", *("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)]


def _style(job: JobReport) -> str:
    return "" if job.status in (Status.PENDING, Status.RUNNING) else STATUS_STYLES[job.status]


def _remark(job: JobReport) -> str:
    """Why it ended so. For a job that broke, also where its log is."""
    parts = [job.reason]
    if job.allowed:
        parts.append("allowed")
    if job.attempts > 1:
        parts.append(count(job.attempts, "attempt"))
    if job.log_file and job.status in (Status.FAILED, Status.TIMED_OUT, Status.LOST):
        parts.append(job.log_file)
    return "; ".join(part for part in parts if part)
