"""The colours of text on a terminal: one style for each kind of message and for each status of a job. Pure."""

from __future__ import annotations

BOLD = "1"
FAINT = "2"
RED = "31"
GREEN = "32"
YELLOW = "33"
BLUE = "34"

ERROR = f"{BOLD};{RED}"
WARNING = f"{BOLD};{YELLOW}"
FRAME = f"{BOLD};{BLUE}"  # the lines and arrows of a snippet

# By the statuses of jobs and of runs.
STATUS_STYLES = {
    "PENDING": FAINT,
    "RUNNING": BLUE,
    "SUCCESS": GREEN,
    "FAILED": RED,
    "TIMED_OUT": RED,
    "LOST": RED,
    "SKIPPED": YELLOW,
    "CANCELLED": YELLOW,
}


def painted(text: str, style: str, *, colour: bool) -> str:
    """`text` in this style (SGR parameters), if `colour` is wanted; an empty style changes nothing."""
    return f"\x1b[{style}m{text}\x1b[0m" if colour and style and text else text
