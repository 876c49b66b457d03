"""The timeline of a run as SVG: a lane for each slot, a bar for each attempt. Very many bars are merged into one shape
for each lane and outcome."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.console.text import count, visible
from orchestrator.report.model import RunReport
from orchestrator.report.timeline_bars import Bar, Timeline

WIDTH = 1000
LANE = 14
BAR = 11
HEAD = 18
MOST_LANES = 64
MOST_BARS = 2000  # more are merged into columns of one unit

_CLASS = {"succeeded": "ok", "failed": "bad", "timed_out": "slow", "lost": "gone"}
_STEPS = (1.0, 2.0, 5.0)
_TICKS = 8


def chart(report: RunReport, timeline: Timeline) -> Iterator[str]:
    """Lines of HTML."""
    if not len(timeline):
        yield "<p>No jobs have run.</p>"
        return
    lanes = min(timeline.lanes, MOST_LANES)
    scale = WIDTH / timeline.end if timeline.end else 0.0
    height = HEAD + lanes * LANE
    yield f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{count(len(timeline), "attempt")} in slots">'
    yield from _axis(timeline.end, scale, height)
    if len(timeline) <= MOST_BARS:
        names = [escaped(visible(job.job_id)) for job in report.jobs]
        yield from (_bar(bar, names[bar.job], scale) for bar in timeline.bars if bar.lane < lanes)
    else:
        yield from _merged(timeline, lanes, scale)
    yield "</svg>"
    if timeline.lanes > lanes:
        yield f"<p>{count(timeline.lanes - lanes, 'more slot')} not shown.</p>"


def _axis(end: float, scale: float, height: int) -> Iterator[str]:
    step = _step(end)
    for number in range(1 + int(end / step) if step else 1):
        second = number * step
        x = _short(second * scale)
        anchor = ' text-anchor="end"' if second * scale > WIDTH - 30 else ""
        yield f'<path class="grid" d="M{x} {HEAD - 4}V{height}"/><text x="{x}" y="11"{anchor}>{second:g} s</text>'


def _step(end: float) -> float:
    """Seconds between two ticks: a round number such that there are at most eight."""
    if not end:
        return 0.0
    power = 1e-6
    while True:
        for step in _STEPS:
            if end / (step * power) <= _TICKS:
                return step * power
        power *= 10


def _bar(bar: Bar, name: str, scale: float) -> str:
    x, width = bar.start * scale, max((bar.end - bar.start) * scale, 0.5)
    attempt = f", attempt {bar.attempt}" if bar.attempt > 1 else ""
    took, how = bar.end - bar.start, bar.how.replace("_", " ")
    return (
        f'<rect class="{_CLASS.get(bar.how, "idle")}" x="{_short(x)}" y="{HEAD + bar.lane * LANE}" '
        f'width="{_short(width)}" height="{BAR}"><title>{name}{attempt}: {took:.3f} s, {how}</title></rect>'
    )


def _merged(timeline: Timeline, lanes: int, scale: float) -> Iterator[str]:
    """One path for each lane and outcome. Bars in the same columns become one."""
    spans: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for bar in timeline.bars:
        if bar.lane < lanes:
            span = int(bar.start * scale), int(bar.end * scale) + 1
            drawn = spans.setdefault((bar.lane, _CLASS.get(bar.how, "idle")), [])
            if drawn and span[0] <= drawn[-1][1]:
                drawn[-1] = drawn[-1][0], max(drawn[-1][1], span[1])
            else:
                drawn.append(span)
    # Failures are drawn over successes.
    for (lane, name), drawn in sorted(spans.items(), key=lambda item: item[0][1] != "ok"):
        top = HEAD + lane * LANE
        path = "".join(f"M{left} {top}h{right - left}v{BAR}h{left - right}z" for left, right in drawn)
        yield f'<path class="{name}" d="{path}"/>'


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def escaped(text: str) -> str:
    """`text` escaped for HTML, also between quotes. Importing the standard library's `html` takes 2 ms."""
    for one, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;")):
        if one in text:
            text = text.replace(one, instead)
    return text
