"""Which jobs took longest, and which used most CPU time and memory: bars of the ten largest of each."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

from orchestrator.console.text import duration, size
from orchestrator.report.model import RunReport
from orchestrator.report.page.badges import job_badge
from orchestrator.report.page.jobs_table import listed_jobs
from orchestrator.report.page.markup import short, shown
from orchestrator.report.times import job_time

MOST = 10

_RANKINGS: tuple[tuple[str, Callable[[RunReport, int], float], Callable[[float], str]], ...] = (
    ("Slowest jobs", lambda report, index: _total(report, index), duration),
    ("CPU time", lambda report, index: report.jobs[index].cpu_seconds, duration),
    ("Peak memory", lambda report, index: report.jobs[index].max_rss_bytes, lambda value: size(int(value))),
)


def rankings(report: RunReport) -> Iterator[str]:
    """The section; nothing if fewer than two jobs ran."""
    ran = [index for index, job in enumerate(report.jobs) if job.attempts]
    if len(ran) < 2:
        return
    rows = frozenset(listed_jobs(report)[0])
    yield '<section id="rankings"><h2>Time, CPU and memory</h2><div class="columns">'
    for title, value_of, text_of in _RANKINGS:
        values = {index: value_of(report, index) for index in ran}
        largest = [index for index in heapq.nlargest(MOST, ran, key=values.__getitem__) if values[index]]
        if not largest:
            continue
        most = values[largest[0]]
        yield f'<div><h3>{title}</h3><ol class="bars">'
        for index in largest:
            job = report.jobs[index]
            width = short(max(100 * values[index] / most, 0.5))
            name = shown(job.job_id)
            link = f'<a href="#j{index}">{name}</a>' if index in rows else f"<span>{name}</span>"
            kind = job_badge(report, job).kind
            bar = f'<svg aria-hidden="true"><rect class="{kind}" width="{width}%" height="6"/></svg>'
            yield f"<li>{link} <span>{text_of(values[index])}</span>{bar}"
        yield "</ol></div>"
    yield "</div></section>"


def _total(report: RunReport, index: int) -> float:
    time = job_time(report, index)
    return 0.0 if time is None else time.total
