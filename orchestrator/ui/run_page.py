"""The page of a run: that of `report.html`, with what runs now, and buttons to cancel and resume it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from orchestrator.console.text import clip, count, duration, visible
from orchestrator.report.html import navigation, run_sections
from orchestrator.report.model import RunReport
from orchestrator.report.page.header import header
from orchestrator.report.page.markup import escaped, inline, log_link, shown
from orchestrator.report.progress import RunningJob, Snapshot
from orchestrator.report.status import Status, result_word
from orchestrator.ui.document import document, site_navigation
from orchestrator.ui.run_views import RunView

MOST_RUNNING = 50
WIDEST_LINE = 200  # characters of the last line of a log
_HOME = "../../"

_REASONS = {
    "needs": "for what they need",
    "after": "for jobs before them",
    "check": "to be checked",
    "pool": "for a pool",
    "slot": "for a slot",
    "back-off": "for their next attempt",
}


def run_page(view: RunView, last_lines: Mapping[str, str], notice: tuple[str, bool] | None) -> str:
    """`last_lines` are by the names of logs; `notice` is what became of the last action, and whether it failed."""
    report = view.report()
    snapshot = view.snapshot() if view.is_live else None
    sections = [
        *(_running(view, snapshot, last_lines) if snapshot is not None else ()),
        *run_sections(report, view.timeline, view.failed, view.context(report)),
    ]
    body = [
        site_navigation(_HOME),
        *_notice(notice),
        *header(report),
        *_actions(view, report),
        *navigation(sections),
        "<main>",
        *sections,
        "</main>",
    ]
    title = f"{visible(report.plan.name)}: {result_word(report.result)}"
    return document(title, body, kind="page", is_live=view.is_live)


def _notice(notice: tuple[str, bool] | None) -> Iterator[str]:
    """Always there, so that a screen reader announces what comes into it."""
    text, is_error = notice or ("", False)
    said = f'<p class="notice{" bad" if is_error else ""}">{inline(text)}</p>' if text else ""
    yield f'<div id="notice" role="status">{said}</div>'


def _actions(view: RunView, report: RunReport) -> Iterator[str]:
    yield '<section id="actions" class="actions" aria-label="Actions">'
    if view.is_live:
        yield "<details><summary>Cancel…</summary>"
        yield f"{_button('cancel', 'Cancel this run')}</details>"
    elif report.result != Status.SUCCESS:
        yield _button("resume", "Resume")
        if report.result != "INTERRUPTED":
            yield _button("resume-failed", "Resume failed jobs")
    trends = escaped(f"{_HOME}trends?{urlencode({'name': report.plan.name})}")
    yield f'<a href="{trends}">Trends</a></section>'


def _button(action: str, text: str, label: str = "") -> str:
    named = f' aria-label="{label}"' if label else ""
    return f'<form method="post" action="{action}"><button{named}>{text}</button></form>'


def _running(view: RunView, snapshot: Snapshot, last_lines: Mapping[str, str]) -> Iterator[str]:
    """What runs now and what waits."""
    yield '<section id="running"><h2>Running</h2>'
    yield f"<p>{duration(snapshot.elapsed_seconds)} elapsed{_waiting(snapshot)}</p>"
    if snapshot.running:
        index_of = {job.id: job.index for job in view.plan.jobs}
        yield '<div class="scroll" role="region" aria-label="Running jobs" tabindex="0"><table><thead><tr>'
        yield '<th scope="col">Job<th scope="col" class="n">Time<th scope="col" class="n">Attempt'
        yield '<th scope="col">Last line<th scope="col">Log<th scope="col">Action</thead><tbody>'
        for job in snapshot.running[:MOST_RUNNING]:
            yield _row(job, index_of[job.job_id], last_lines.get(job.log_file or "", ""))
        yield "</tbody></table></div>"
        if len(snapshot.running) > MOST_RUNNING:
            yield f"<p>{count(len(snapshot.running) - MOST_RUNNING, 'more job')} running.</p>"
    yield "</section>"


def _row(job: RunningJob, index: int, last_line: str) -> str:
    name = shown(job.job_id)
    cancel = _button(f"jobs/{index}/cancel", "Cancel", f"Cancel {name}")
    return (
        f'<tr id="n{index}"><th scope="row">{name}<td class="n">{duration(job.elapsed_seconds)}'
        f'<td class="n">{job.attempt}<td class="last">{shown(clip(last_line, WIDEST_LINE))}'
        f"<td>{log_link(job.log_file, '', 'log')}<td>{cancel}"
    )


def _waiting(snapshot: Snapshot) -> str:
    """`; 3 jobs wait for a slot, 12 for what they need`."""
    reasons = Counter(job.waits_for for job in snapshot.waiting if job.will_be is None)
    doomed = sum(job.will_be is not None for job in snapshot.waiting)
    parts = [f"{number} {_REASONS.get(reason, reason)}" for reason, number in reasons.most_common()]
    waiting = f"; waiting: {', '.join(parts)}" if parts else ""
    return f"{waiting}; {count(doomed, 'job')} will not run" if doomed else waiting
