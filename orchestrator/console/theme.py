"""How statuses and messages look on a terminal: one style for each, and a symbol for each status of a job. Pure."""

from __future__ import annotations

from typing import NamedTuple

BOLD = "1"
FAINT = "2"
RED = "31"
GREEN = "32"
YELLOW = "33"
BLUE = "34"

ERROR = f"{BOLD};{RED}"
WARNING = f"{BOLD};{YELLOW}"
FRAME = f"{BOLD};{BLUE}"  # the lines and arrows of a snippet


class Mark(NamedTuple):
    """How a status is shown: its symbol, the replacement where the encoding lacks it, and its style."""

    symbol: str
    ascii: str
    style: str

    def text(self, *, utf8: bool) -> str:
        """The symbol, or its replacement where the stream is not UTF-8."""
        return self.symbol if utf8 else self.ascii


ALLOWED = Mark("!", "!", YELLOW)  # a failure that is allowed
RETRY = Mark("↻", "retry", YELLOW)

# By the statuses of jobs.
MARKS = {
    "PENDING": Mark("·", ".", FAINT),
    "RUNNING": Mark("▸", ">", BLUE),
    "SUCCESS": Mark("✓", "ok", GREEN),
    "FAILED": Mark("✗", "FAIL", RED),
    "TIMED_OUT": Mark("✗", "FAIL", RED),
    "LOST": Mark("✗", "FAIL", RED),
    "SKIPPED": Mark("↷", "->", FAINT),
    "CANCELLED": Mark("⊘", "stop", YELLOW),
    "LEFT_OUT": Mark("○", "--", FAINT),
}

# By the statuses of jobs and the results of runs.
STATUS_STYLES = {status: mark.style for status, mark in MARKS.items()} | {"INTERRUPTED": YELLOW}


def mark_of(status: str, *, allowed: bool = False) -> Mark:
    """The mark of a job with this status; `allowed`: its failure is allowed."""
    return ALLOWED if allowed else MARKS[status]


def is_utf8(encoding: str | None) -> bool:
    """Whether a stream with this encoding can show the symbols; one that has none is an object of a program."""
    return encoding is None or encoding.lower().replace("-", "").replace("_", "") == "utf8"


def painted(text: str, style: str, *, colour: bool) -> str:
    """`text` in this style (SGR parameters), if `colour` is wanted; an empty style changes nothing."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour and style and text else text
