"""Several runs as a table, one line for each."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.console.text import columns, duration, pad, shortened, visible, wrapped
from orchestrator.console.theme import STATUS_STYLES, painted
from orchestrator.report.progress import Head
from orchestrator.report.status import result_word

WIDEST_NAME = 30

_LEAST_NAME = 8
_UNKNOWN = "-"
_STATE, _TIME = 2, 4
_HEAD = ("run", "name", "state", "started", "time", "jobs")


def runs_table(heads: Sequence[Head], *, width: int | None = None, colour: bool = False) -> str:
    """The table in the order of `heads`; ends in a newline.

    Where it has more than `width` columns, the counts of each run are on lines of their own below it, and the start is
    left out, which the ids of runs begin with.
    """
    names = shortened([visible(head.name) for head in heads], WIDEST_NAME)
    rows = [_HEAD, *(_row(head, name) for head, name in zip(heads, names, strict=True))]
    whole = _lines(rows, heads, colour=False)
    if width is None or max(map(columns, whole)) <= width:
        lines = _lines(rows, heads, colour=colour)
        return "".join(f"{line}\n" for line in lines)
    narrow = [(*row[: _STATE + 1], row[_TIME]) for row in rows]
    room = width - sum(max(columns(row[place]) + 2 for row in narrow) for place in (0, _STATE, _STATE + 1)) - 2
    names = shortened([row[1] for row in narrow], max(room, _LEAST_NAME))
    lines = _lines([(row[0], name, *row[2:]) for row, name in zip(narrow, names, strict=True)], heads, colour=colour)
    text = f"{lines[0]}\n"
    for line, row in zip(lines[1:], rows[1:], strict=True):
        counts = wrapped(row[-1], width - 2) if row[-1] != _UNKNOWN else ()
        text += "".join(f"{one}\n" for one in (line, *(f"  {part}" for part in counts)))
    return text


def _lines(rows: Sequence[tuple[str, ...]], heads: Sequence[Head], *, colour: bool) -> list[str]:
    widths = [max(columns(row[place]) for row in rows) for place in range(len(rows[0]))]
    padded = [[pad(cell, width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    for row, head in zip(padded[1:], heads, strict=True):
        row[_STATE] = painted(row[_STATE], STATUS_STYLES.get(head.result or head.state.upper(), ""), colour=colour)
    return ["  ".join(row).rstrip() for row in padded]


def _row(head: Head, name: str) -> tuple[str, ...]:
    started = head.started_at is not None
    return (
        head.run_id,
        name,
        result_word(head.result) if head.result else head.state,
        f"{head.started_at[:10]} {head.started_at[11:19]}Z" if head.started_at else "-",
        duration(head.elapsed_seconds) if started else "-",
        str(head.job_counts) if started else _UNKNOWN,
    )
