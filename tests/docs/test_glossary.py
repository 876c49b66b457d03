"""The glossary is short and sorted, and every term in it is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/design/glossary.md"
_ENTRY = re.compile(r"^- \*\*([^*]+)\*\*: (?:.+\n)(?:  .+\n)*", re.MULTILINE)
ENTRIES = {entry.group(1): entry.group() for entry in _ENTRY.finditer(PAGE.read_text())}
_USES = "\n".join(
    path.read_text()
    for path in [*ROOT.glob("orchestrator/**/*.py"), *ROOT.glob("docs/**/*.md"), ROOT / "README.md"]
    if path != PAGE
)


def test_there_are_at_most_forty_entries_of_at_most_two_lines_in_alphabetical_order() -> None:
    assert 1 < len(ENTRIES) <= 40
    assert list(ENTRIES) == sorted(ENTRIES)
    assert {term for term, entry in ENTRIES.items() if entry.count("\n") > 2} == set()


@pytest.mark.parametrize("term", ENTRIES)
def test_every_term_is_used_outside_of_the_glossary(term: str) -> None:
    spellings = r"(?:[ _-]|'s )?".join(re.escape(word) for word in term.split())
    assert re.search(rf"(?<![a-z]){spellings}", _USES, re.IGNORECASE)
