"""Names and numbers as text for a terminal. Pure.

Text from users, jobs and files is always shown on one line, with every character that could drive the terminal, or that
cannot be seen, replaced by a sign for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, groupby

_JAMO_VOWELS_AND_FINALS = range(0x1160, 0x1200)  # they join the syllable before them
_DELETE = 0x7F
_MAX_QUOTED = 60
_LEAST_WAITING = 0.1  # seconds
_LEAST_SHARE = 0.05
_WORDS = re.compile(r"[\w.]+|[^\w.]")


def cell(character: str) -> tuple[str, int]:
    """What one code point is shown as, and the columns that this takes.

    An ASCII control character is shown as its control picture (`␛`), another character that is not printable by its
    number (`<U+202E>`). A combining character takes no column of its own, a wide one takes two.
    """
    if " " <= character <= "~":
        return character, 1
    if not character.isprintable():
        shown = _sign(ord(character))
        return shown, len(shown)
    import unicodedata  # 1 ms, which hardly any text needs

    if unicodedata.category(character) in ("Mn", "Me") or ord(character) in _JAMO_VOWELS_AND_FINALS:
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _sign(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == _DELETE else f"<U+{code:04X}>"


def visible(text: str) -> str:
    """`text` (a name, a message) on one line, in which every character can be seen and none drives the terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _sign(ord(one)) for one in text)


def columns(text: str) -> int:
    """The columns of a terminal that `text`, which is visible, takes."""
    return len(text) if text.isascii() else sum(cell(one)[1] for one in text)


def ellipsis(*, utf8: bool) -> str:
    """Marks text that is left out: one column."""
    return "…" if utf8 else "~"


def clip(text: str, width: int, mark: str = "…") -> str:
    """`text` in at most `width` columns; one that is cut ends in `mark`, of one column."""
    if columns(text) <= width:
        return text
    ends = accumulate(cell(one)[1] for one in text)
    return text[: sum(end < width for end in ends)] + mark


def shortened(names: Sequence[str], width: int, mark: str = "…") -> list[str]:
    """Each name in at most `width` columns; `mark`, of one column, marks what is left out.

    Of names that are built alike, such as the jobs of a matrix, the words that differ are kept:
    `integration…postgres…14`. Of others, the beginning and the end.
    """
    words = {name: _WORDS.findall(name) for name in names if columns(name) > width}
    alike: dict[tuple[str, int], list[str]] = {}
    for name, parts in words.items():
        alike.setdefault((parts[0], len(parts)), []).append(name)
    shown: dict[str, str] = {}
    for group in alike.values():
        places = [len(set(of_all)) > 1 for of_all in zip(*(words[name] for name in group), strict=True)]
        shown |= {name: _differing(words[name], places, width, mark) for name in group}
    return [shown.get(name) or _without_middle(name, width, mark) for name in names]


def _differing(words: Sequence[str], differs: Sequence[bool], width: int, mark: str) -> str:
    """The words that differ in the group, after as much of the first one as there is room for; empty if they do not
    fit."""
    differing = "".join(
        mark * (number > 1) + "".join(word for word, _ in run) if is_kept else ""
        for number, (is_kept, run) in enumerate(groupby(zip(words, differs, strict=True), key=lambda one: one[1]))
    )
    room = width - columns(mark) - columns(differing)
    return _fitting(words[0], room) + mark + differing if differing and room > 0 else ""


def _without_middle(name: str, width: int, mark: str) -> str:
    """Its first third and its end."""
    if columns(name) <= width:
        return name
    head = _fitting(name, (width - 1) // 3)
    return head + mark + _fitting(name[::-1], width - 1 - columns(head))[::-1]


def _fitting(text: str, width: int) -> str:
    """As many characters from the beginning as fit."""
    return text[: sum(end <= width for end in accumulate(cell(one)[1] for one in text))]


def pad(text: str, width: int) -> str:
    """`text` with blanks up to `width` columns."""
    return text + " " * (width - columns(text))


def wrapped(text: str, width: int | None) -> list[str]:
    """`text` in lines of at most `width` columns, broken after commas; the lines after the first are indented.

    With None it is one line, and a part without a comma is never broken.
    """
    if width is None or columns(text) <= width:
        return [text]
    first, *parts = text.split(", ")
    lines = [first]
    for part in parts:
        if columns(lines[-1]) + columns(part) + 3 <= width:  # with a comma and a blank, and a comma behind
            lines[-1] += f", {part}"
        else:
            lines[-1] += ","
            lines.append(f"  {part}")
    return lines


def quote(text: str) -> str:
    """Text in backticks for a message, cut if it is long."""
    return f"`{text}`" if len(text) <= _MAX_QUOTED else f"`{text[:_MAX_QUOTED]}...`"


def value_text(value: str | float | bool) -> str:
    """A value of a manifest as text, as templates insert it and comparisons use it: `true`, `3.1`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 job`, `2 jobs`; `nouns` is a plural that is not formed with an s."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def duration(seconds: float) -> str:
    """A measured time: `12ms`, `3.3s`, `1m 05s`, `3h 07m`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    return f"{minutes // 60}h {minutes % 60:02}m"


def first_line(text: str) -> str:
    """The first line of a description, with invisible characters shown."""
    return visible(text.strip().partition("\n")[0])


def whole_seconds(seconds: float) -> str:
    """A time that is counted up or down, or a limit: `6s`, `1m 05s`."""
    return f"{max(0.0, seconds):.0f}s" if seconds < 59.5 else duration(max(60.0, seconds))


def duration_and_waiting(seconds: float, waiting: float) -> str:
    """The time from the first start of something to its last end, and how much of it was spent waiting, if that
    matters: `1.9s (1.5s waiting)`."""
    matters = waiting >= _LEAST_WAITING and waiting >= seconds * _LEAST_SHARE
    return f"{duration(seconds)} ({duration(waiting)} waiting)" if matters else duration(seconds)


def size(number: int) -> str:
    """A measured number of bytes: `512 B`, `3.1 MiB`."""
    if number < 1024:
        return f"{number} B"
    amount = float(number)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1023.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"


def percent(share: float, digits: int = 0) -> str:
    """A share of 1: `44%`; `>99%` and `<1%` for one that is not quite all, or more than nothing. With `digits`, at most
    this number of them after the point: `37.5%`."""
    if digits:
        return f"{share * 100:.{digits}f}".rstrip("0").rstrip(".") + "%"
    if 0.995 <= share < 1:
        return ">99%"
    return "<1%" if 0 < share < 0.005 else f"{share * 100:.0f}%"
