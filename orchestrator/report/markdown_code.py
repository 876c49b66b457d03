"""Text as a code span of Markdown."""

from __future__ import annotations

import re

from orchestrator.console.text import visible

_BACKTICKS = re.compile("`+")


def code(text: str) -> str:
    """`text` as a code span, also fit for a cell of a table; nothing in it is markup."""
    shown = visible(text)
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    # A span strips one space at both ends, and may not begin or end with a backtick of its own.
    pad = " " if shown[:1] in "` " or shown[-1:] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")
