"""Numbers and names as text: for a screen, and for Markdown. What users and jobs wrote can drive neither."""

from __future__ import annotations

import re
import unicodedata

_BACKTICKS = re.compile("`+")


def visible(text: str) -> str:
    """`text` on one line, each character that cannot be seen shown by its number."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _shown(one) for one in text)


def _shown(character: str) -> str:
    return {"\n": "\u240a", "\t": " "}.get(character, f"<U+{ord(character):04X}>")


def code(text: str) -> str:
    """`text` as a code span of Markdown, also fit for a cell of a table; nothing in it is markup."""
    shown = visible(text)
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(shown)), default=0))
    # A span strips one space at both ends, and may not begin or end with a backtick of its own.
    pad = " " if shown[:1] in "` " or shown[-1:] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}".replace("|", "\\|")


def clip(text: str, width: int) -> str:
    """`text` in at most `width` columns."""
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[:-1]
    return text + "…"


def columns(text: str) -> int:
    """The columns of a terminal that `text` takes."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def seconds(value: float) -> str:
    """A duration for reading: `0.4 s`, `2m 05s`, `3h 07m`."""
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    return f"{minutes // 60}h {minutes % 60:02}m"


def size(value: int) -> str:
    """A number of bytes for reading: `512 B`, `3.1 MiB`."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{value} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def percent(share: float) -> str:
    """A share with the digits that results have: `83.33 %`."""
    return f"{share * 100:.2f} %"


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 job`, `2 jobs`; `nouns` is a plural that does not end in a plain s."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"
