"""The time axis of a timeline."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.console.text import duration, whole_seconds
from orchestrator.report.page.markup import short

_DECIMAL = (1.0, 2.0, 5.0)
_CLOCK = (
    10.0,
    15.0,
    20.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    14400.0,
    21600.0,
    43200.0,
    86400.0,
)
_A_MINUTE = 60.0
_MOST = 8


def ticks(end: float) -> list[float]:
    """At most eight round seconds from 0 to `end`, and 0."""
    step = _step(end)
    return [number * step for number in range(1 + int(end / step))] if step else [0.0]


def axis(end: float) -> Iterator[str]:
    """Labels above the rows, and lines behind them, as two drawings."""
    places = [(second, short(100 * second / end) if end else "0") for second in ticks(end)]
    yield '<svg class="axis" aria-hidden="true">'
    for second, place in places:
        label = duration(second) if second % 1 else whole_seconds(second)
        yield f'<text x="{place}%" dx="2" y="12">{label}</text>'
    yield '</svg><svg class="grid" aria-hidden="true">'
    for _, place in places:
        yield f'<line x1="{place}%" x2="{place}%" y1="0" y2="100%"/>'
    yield "</svg>"


def _step(end: float) -> float:
    """Seconds between two ticks."""
    if not end:
        return 0.0
    for step in _CLOCK if end > _A_MINUTE else ():
        if end / step <= _MOST:
            return step
    power = 1e-6
    while True:
        for step in _DECIMAL:
            if end / (step * power) <= _MOST:
                return step * power
        power *= 10
