"""How text stands on a terminal: what each character is shown as, and how many columns that takes."""

from __future__ import annotations

import os

from orchestrator.console.sanitize import safe_line, safe_text

TAB = "    "
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JAMO_VOWELS_AND_FINALS = range(0x1160, 0x1200)


def cell(character: str) -> tuple[str, int]:
    """What one code point of a source line is shown as, and the columns that takes.

    A tab is four spaces; what cannot be seen or would drive the terminal is shown by a sign or its number. A combining
    character takes no column of its own, a wide one takes two.
    """
    if " " <= character <= "~":
        return character, 1
    if character == "\t":
        return TAB, len(TAB)
    import unicodedata

    category = unicodedata.category(character)
    if category in _INVISIBLE:
        shown = safe_text(character)
        shown = shown if shown != character else f"<U+{ord(character):04X}>"
        return shown, len(shown)
    if category in ("Mn", "Me") or ord(character) in _JAMO_VOWELS_AND_FINALS:
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1


def visible(text: str) -> str:
    """`text` (a message, a name) as one line in which every character can be seen and none drives the terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(cell(character)[0] for character in text)


def plural(count: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def defused(text: str) -> str:
    """Lines that begin with text of a manifest or with a path, so that GitHub's runner takes none for a command."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return text
    lines = (safe_line(line.encode("utf-8", "replace"), colour=False, github=True) for line in text.split("\n"))
    return "\n".join(lines)
