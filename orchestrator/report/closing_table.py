"""The table of the jobs of a run that has ended, failures last; of a large run its levels instead. Plain text."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.console.text import clip, columns, count, duration, ellipsis, pad, shortened, visible, wrapped
from orchestrator.console.theme import mark_of, painted
from orchestrator.report.large_runs import LARGE, ON_SCREEN, bands, cells, titles
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILED_STATUSES, Status
from orchestrator.report.times import job_time, slowest_jobs

WHOLE_UP_TO = 30  # jobs; of more, only the slowest are named, and the digest of failures has the rest
LEAST_REASON = 20

_LAST = {Status.LEFT_OUT: 1, Status.SKIPPED: 1, Status.CANCELLED: 2}  # in the table, followed by failures


def closing_table(
    report: RunReport, *, summary: str = "auto", width: int | None = None, colour: bool = False, utf8: bool = True
) -> str:
    """The table, each line with its newline; empty for a run without jobs.

    `summary` is one of `settings.SUMMARIES`. `width` is in columns; with None no line is cut. `utf8`: whether the
    stream shows it.
    """
    if summary == "short" or not report.jobs:
        return ""
    if summary == "all" or len(report.jobs) <= WHOLE_UP_TO:
        lines = _lines(report, sorted(report.jobs, key=_rank), width, colour=colour, utf8=utf8)
    else:
        lines = [*_slowest(report, width), *(_levels(report) if len(report.jobs) > LARGE else ())]
    return "".join(f"{line}\n" for line in lines)


def _rank(job: JobReport) -> int:
    """Where in the table a job is; those of one rank keep the order of the plan."""
    if job.status in FAILED_STATUSES:
        return 3 if job.allowed else 4
    return _LAST.get(job.status, 0)


def _lines(report: RunReport, jobs: Sequence[JobReport], width: int | None, *, colour: bool, utf8: bool) -> list[str]:
    mark = ellipsis(utf8=utf8)
    took = {job.job_id: job_time(report, index) for index, job in enumerate(report.jobs)}
    ids = [visible(job.job_id) for job in jobs]
    if width is not None:
        ids = shortened(ids, max(width * 2 // 5, 8), mark)
    statuses = [job.status.words for job in jobs]
    times = _aligned(["-" if (time := took[job.job_id]) is None else str(time) for job in jobs])
    columns_before = [_padded(cells) for cells in (["job", *ids], ["status", *statuses], times)]
    room = None
    if width is not None:
        room = max(width - sum(columns(cells[0]) for cells in columns_before) - 6, LEAST_REASON)
    lines = []
    for job, name, status, time in zip([None, *jobs], *columns_before, strict=True):
        style, remark = ("", "") if job is None else (_style(job), visible(_remark(job)))
        rest = remark if room is None else clip(remark, room, mark)
        lines.append(f"{name}  {painted(status, style, colour=colour)}  {time}  {rest}".rstrip())
    return lines


def _aligned(times: Sequence[str]) -> list[str]:
    """The column of times, with the durations right-aligned below its head, and what follows them left-aligned."""
    parts = [time.partition(" (") for time in ("time", *times)]
    widest = max(len(total) for total, _, _ in parts)
    return [f"{total:>{widest}}{bracket}{waiting}" for total, bracket, waiting in parts]


def _padded(cells: Sequence[str]) -> list[str]:
    widest = max(columns(cell) for cell in cells)
    return [pad(cell, widest) for cell in cells]


def _slowest(report: RunReport, width: int | None) -> list[str]:
    """The jobs that took longest."""
    slowest, _ = slowest_jobs(report, ON_SCREEN.slowest)
    if not slowest:
        return []
    named = (f"{visible(report.jobs[index].job_id)} {job_time(report, index)}" for index in slowest)
    return wrapped(f"slowest: {', '.join(named)}", width)


def _levels(report: RunReport) -> list[str]:
    """A few bands of levels."""
    found = bands(report, ON_SCREEN.bands)
    if not found:
        return []
    rows = [titles(found), *cells(found, duration)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["", *("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)]


def _style(job: JobReport) -> str:
    return "" if job.status in (Status.PENDING, Status.RUNNING) else mark_of(job.status, allowed=job.allowed).style


def _remark(job: JobReport) -> str:
    """Why the job ended like this."""
    parts = [job.reason]
    if job.allowed:
        parts.append("allowed failure")
    if job.attempts > 1:
        parts.append(count(job.attempts, "attempt"))
    return "; ".join(part for part in parts if part)
