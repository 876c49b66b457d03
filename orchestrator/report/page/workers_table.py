"""The table of workers: when each joined and left, and how much it did. Nothing for a run without any."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.console.text import count, duration, percent
from orchestrator.report.model import RunReport
from orchestrator.report.page.markup import inline, shown
from orchestrator.report.workers import WorkerReport

MOST_WORKERS = 200
_RUNNING = "Running"  # only while jobs do
_COLUMNS = (
    ("Worker", ""),
    ("Host", ""),
    ("Slots", "n"),
    ("Attempts", "n"),
    (_RUNNING, "n"),
    ("Busy", "n"),
    ("Joined", "n"),
    ("Left", "n"),
    ("Reason", ""),
)


def workers_section(report: RunReport) -> Iterator[str]:
    """The section."""
    workers = report.workers
    if not workers:
        return
    yield '<section id="workers"><h2>Workers</h2>'
    yield '<div class="scroll" role="region" aria-label="Table of workers" tabindex="0"><table>'
    yield f"<caption><span>{count(len(workers), 'worker')}, in the order in which they joined</span></caption>"
    is_live = any(one.running for one in workers)
    head = "".join(
        f'<th scope="col"{kind and f" class={kind}"}>{title}'
        for title, kind in _COLUMNS
        if is_live or title != _RUNNING
    )
    yield f"<thead><tr>{head}</thead><tbody>"
    yield from (_row(one, report.at, is_live=is_live) for one in workers[:MOST_WORKERS])
    yield "</tbody></table></div>"
    if len(workers) > MOST_WORKERS:
        yield f"<p>{count(len(workers) - MOST_WORKERS, 'more worker')} joined later.</p>"
    yield "</section>"


def _row(one: WorkerReport, now: float, *, is_live: bool) -> str:
    left = "" if one.left_at is None else duration(one.left_at)
    return (
        f'<tr><th scope="row">{shown(one.name)}<td>{shown(one.host)}<td class=n>{one.slots}<td class=n>{one.attempts}'
        f"{f'<td class=n>{one.running}' if is_live else ''}"
        f"<td class=n>{percent(one.share(now))}<td class=n>{duration(one.joined_at)}<td class=n>{left}"
        f"<td>{inline(one.why) if one.why else ''}"
    )
