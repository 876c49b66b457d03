"""The timeline of a run with very many attempts: a row for each slot, in which attempts that touch are one shape for
each outcome."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.console.text import count
from orchestrator.report.model import RunReport
from orchestrator.report.page.badges import bar_kind
from orchestrator.report.page.ticks import axis
from orchestrator.report.timeline_bars import Timeline

MOST_LANES = 64
_UNITS = 1000
_LANE = 14
_BAR = 11


def slots_chart(report: RunReport, timeline: Timeline) -> Iterator[str]:
    """All attempts, merged."""
    lanes = min(timeline.lanes, MOST_LANES)
    attempts = count(len(timeline), "attempt")
    yield (
        f'<p class="dim">{attempts}, each in the slot that it had; those that touch are drawn as one. '
        "Attempts that did not succeed are half as high.</p>"
    )
    yield '<div class="scroll tl" role="region" aria-label="Timeline" tabindex="0"><div class="wide slots">'
    yield from axis(timeline.end)
    height = lanes * _LANE
    yield (
        f'<svg class="lanes" viewBox="0 0 {_UNITS} {height}" preserveAspectRatio="none" width="100%" height="{height}" '
        f'role="img" aria-label="{attempts} in {count(timeline.lanes, "slot")}">'
    )
    yield from _merged(report, timeline, lanes, _UNITS / timeline.end if timeline.end else 0.0)
    yield "</svg></div></div>"
    if timeline.lanes > lanes:
        yield f"<p>{count(timeline.lanes - lanes, 'more slot')} not shown.</p>"


def _merged(report: RunReport, timeline: Timeline, lanes: int, scale: float) -> Iterator[str]:
    """One path for each lane and outcome."""
    spans: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for bar in timeline.bars:
        if bar.lane < lanes:
            span = int(bar.start * scale), int(bar.end * scale) + 1
            kind = bar_kind(report, bar, is_last=bar.retry_at is None)
            drawn = spans.setdefault((bar.lane, kind), [])
            if drawn and span[0] <= drawn[-1][1]:
                drawn[-1] = drawn[-1][0], max(drawn[-1][1], span[1])
            else:
                drawn.append(span)
    # Failures are drawn over successes.
    for (lane, kind), drawn in sorted(spans.items(), key=lambda item: item[0][1] != "ok"):
        height = _BAR if kind == "ok" else _BAR // 2
        top = lane * _LANE + 1 + _BAR - height
        path = "".join(f"M{left} {top}h{right - left}v{height}h{left - right}z" for left, right in drawn)
        yield f'<path class="{kind}" d="{path}"/>'
