"""Several runs as a table, one line for each."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.console.text import clip, columns, duration, pad, visible
from orchestrator.console.theme import STATUS_STYLES, painted
from orchestrator.report.progress import Head
from orchestrator.report.status import result_word

WIDEST_NAME = 30

_STATE = 2
_HEAD = ("run", "name", "state", "started", "time", "jobs")


def runs_table(heads: Sequence[Head], *, colour: bool = False) -> str:
    """The table in the order of `heads`; ends in a newline."""
    rows = [_HEAD, *(_row(head) for head in heads)]
    widths = [max(columns(row[place]) for row in rows) for place in range(len(_HEAD))]
    padded = [[pad(cell, width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    for row, head in zip(padded[1:], heads, strict=True):
        row[_STATE] = painted(row[_STATE], STATUS_STYLES.get(head.result or head.state.upper(), ""), colour=colour)
    lines = ("  ".join(row) for row in padded)
    return "".join(line.rstrip() + "\n" for line in lines)


def _row(head: Head) -> tuple[str, ...]:
    started = head.started_at is not None
    return (
        head.run_id,
        clip(visible(head.name), WIDEST_NAME),
        result_word(head.result) if head.result else head.state,
        f"{head.started_at[:10]} {head.started_at[11:19]}Z" if head.started_at else "-",
        duration(head.elapsed_seconds) if started else "-",
        str(head.job_counts) if started else "-",
    )
