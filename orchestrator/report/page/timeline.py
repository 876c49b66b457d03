"""The timeline of a run: a row for each job with its name, a bar for each attempt, and thinner pieces for the time in
which a job was ready and waited for a slot or a pool, or for its next attempt.

A run of very many jobs has a row for each slot instead; see `slots`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.console.text import count, duration, shortened, visible
from orchestrator.report.model import RunReport
from orchestrator.report.page.badges import attempt_badge, bar_kind, job_badge
from orchestrator.report.page.markup import escaped, short, shown
from orchestrator.report.page.slots import slots_chart
from orchestrator.report.page.ticks import axis
from orchestrator.report.timeline_bars import Bar, Timeline

MOST_ROWS = 1000
MOST_BARS = 3000
_LEAST_WIDTH = 0.15  # per cent of the whole
_LEAST_WAIT = 0.001  # of the whole: shorter waits cannot be seen
_WIDEST_NAME, _WIDEST_ON_PHONE = 28, 12  # columns, for which the style has room
_ZOOMS = (1, 2, 4, 8, 16)


def timeline_section(report: RunReport, timeline: Timeline) -> Iterator[str]:
    """The section."""
    yield '<section id="timeline"><h2>Timeline</h2>'
    if not len(timeline):
        yield "<p>No jobs have run.</p>"
    elif len(report.jobs) > MOST_ROWS or len(timeline) > MOST_BARS:
        yield from slots_chart(report, timeline)
    else:
        yield from _rows(report, timeline)
    yield "</section>"


def _rows(report: RunReport, timeline: Timeline) -> Iterator[str]:
    of_job: dict[int, list[Bar]] = {}
    for bar in timeline.bars:
        of_job.setdefault(bar.job, []).append(bar)
    on_path = frozenset(report.summary.critical_path)
    yield from _legend()
    yield '<a class="skip" href="#graph">Skip the timeline</a>'
    yield '<div class="scroll tl" role="region" aria-label="Timeline" tabindex="0"><div class="wide">'
    yield from axis(timeline.end)
    yield "<ol>"
    ids = [visible(report.jobs[index].job_id) for index in of_job]
    labels = map(_label, shortened(ids, _WIDEST_NAME), shortened(ids, _WIDEST_ON_PHONE))
    for (index, bars), label in zip(of_job.items(), labels, strict=True):
        yield _row(report, index, bars, timeline.end, label, critical=report.jobs[index].job_id in on_path)
    yield "</ol></div></div>"
    idle = len(report.jobs) - len(of_job)
    if idle:
        yield f'<p class="dim">{count(idle, "job that did not run is", "jobs that did not run are")} not shown.</p>'


def _legend() -> Iterator[str]:
    yield '<fieldset class="zoom"><legend>Zoom</legend>'
    for factor in _ZOOMS:
        checked = " checked" if factor == 1 else ""
        yield f'<label><input type="radio" name="zoom" id="z{factor}"{checked}> {factor}×</label>'
    yield "</fieldset>"
    yield '<ul class="legend">'
    for kinds, words in (
        ("ok", "succeeded"),
        ("bad", "failed"),
        ("warn", "failed, but retried or allowed"),
        ("off", "cancelled or interrupted"),
        ("wait", "waited for a slot or a pool"),
        ("back", "backoff before a retry"),
        ("ok crit", "critical path"),
    ):
        height = 4 if kinds in ("wait", "back") else 12
        yield (
            f'<li><svg width="22" height="16" aria-hidden="true"><rect class="{kinds}" x="1" y="{8 - height // 2}" '
            f'width="20" height="{height}"/></svg> {words}'
        )
    yield "</ul>"


def _label(wide: str, narrow: str) -> str:
    """The name of a row, and a shorter one for narrow windows."""
    return f'<span class="w">{escaped(wide)}</span><span class="n">{escaped(narrow)}</span>'


def _row(report: RunReport, index: int, bars: Sequence[Bar], end: float, label: str, *, critical: bool) -> str:
    job = report.jobs[index]
    name, badge = shown(job.job_id), job_badge(report, job)
    pieces, words = [], []
    ready = _ready(report, index)
    scarce = " or ".join(["a slot", *(f"pool {shown(pool)}" for pool, _ in report.plan.jobs[index].pools)])
    if bars[0].start - ready > _LEAST_WAIT * end:
        pieces.append(_piece("wait", ready, bars[0].start, end))
        words.append(f"waited {duration(bars[0].start - ready)} for {scarce}")
    for number, bar in enumerate(bars):
        kind = attempt_badge(report, bar)
        colour = bar_kind(report, bar, is_last=number + 1 == len(bars))
        pieces.append(_bar(bar, f"{colour} crit" if critical else colour, end))
        attempt = f"attempt {bar.attempt} " if len(bars) > 1 else ""
        place = f" on {shown(bar.place)}" if bar.place else ""
        words.append(f"{attempt}{kind.words} after {duration(bar.end - bar.start)}{place}")
        following = bars[number + 1] if number + 1 < len(bars) else None
        if following is not None and bar.retry_at is not None:
            over = min(bar.retry_at, following.start)
            pieces.append(_piece("back", bar.end, over, end))
            words.append(f"backoff {duration(max(0.0, over - bar.end))}")
            if following.start - over > _LEAST_WAIT * end:
                pieces.append(_piece("wait", over, following.start, end))
                words.append(f"waited {duration(following.start - over)} for {scarce}")
    path = ", on the critical path" if critical else ""
    title = f"{name}: started at {duration(bars[0].start)}, {', '.join(words)}{path}"
    return (
        f'<li><a href="#j{index}"><span class="{badge.kind}">{badge.symbol}</span> {label}</a>'
        f'<svg role="img"><title>{title}</title>{"".join(pieces)}</svg>'
    )


def _ready(report: RunReport, index: int) -> float:
    """The second of the run at which all that the job waits for had ended; infinite if that is not known."""
    planned = report.plan.jobs[index]
    if any(not report.jobs[other].finished_at for other in (*planned.needs, *planned.after)):
        return float("inf")
    return max((report.ended[other] for other in (*planned.needs, *planned.after)), default=0.0)


def _bar(bar: Bar, kind: str, end: float) -> str:
    return _rect(kind, bar.start, bar.end, end, top=3, height=12)


def _piece(kind: str, start: float, stop: float, end: float) -> str:
    return _rect(kind, start, stop, end, top=7, height=4)


def _rect(kind: str, start: float, stop: float, end: float, *, top: int, height: int) -> str:
    left = short(min(100 * start / end, 100 - _LEAST_WIDTH)) if end else "0"
    width = short(max(100 * (stop - start) / end, _LEAST_WIDTH)) if end else "100"
    return f'<rect class="{kind}" x="{left}%" y="{top}" width="{width}%" height="{height}"/>'
