"""How often and when tests strike at those who run jobs, and what they report."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from support.runs import Run

Figure = Callable[[str, object], None]


def moments(full: bool, few: int) -> range:
    """Numbers of the moments at which a test strikes."""
    return range(20 if full else few)


def starts_after(run: Run, second: float) -> list[float]:
    """After how many seconds the first of the lost attempts was made again; nothing if none was lost."""
    starts = [event["ts"] for event in run.named("attempt.started") if event["attempt"] > 1]
    return [datetime.fromisoformat(min(starts)).timestamp() - second] if starts else []


def report(figure: Figure, what: str, seconds: list[float]) -> None:
    """The slowest and the middle, which `python -m benchmarks.who_dies` makes a table of."""
    if seconds:
        slowest, middle, load = max(seconds), sorted(seconds)[len(seconds) // 2], os.getloadavg()[1]
        words = f"at most {slowest:.2f} s, median {middle:.2f} s, load {load:.1f}"
        figure(f"{what} ({len(seconds)} times)", words)
