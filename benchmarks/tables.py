"""Markdown: tables, and the places of a page that they are written into."""

from __future__ import annotations

import re
from collections.abc import Sequence


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """A table whose first `texts` columns are text, and the others numbers."""
    rule = ["---" if place < texts else "---:" for place in range(len(titles))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (titles, rule, *rows))


def rounds(number: int) -> str:
    """`1 round`, `2 rounds`."""
    return f"{number} {'round' if number == 1 else 'rounds'}"


def replaced(page: str, name: str, text: str) -> str:
    """The page with this text between `<!-- NAME -->` and `<!-- end of NAME -->`. ValueError without these markers."""
    marks = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end of {re.escape(name)} -->)", re.DOTALL)
    if not marks.search(page):
        raise ValueError(f"the page has no place for {name}: `<!-- {name} -->` and `<!-- end of {name} -->`")
    return marks.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page)
