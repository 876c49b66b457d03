"""The index of decisions lists every page by its title, and each page has the same parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DIRECTORY = Path(__file__).parents[2] / "docs/decisions"
PAGES = sorted(DIRECTORY.glob("[0-9]*.md"))
_ORDER = ("Decision", "Consequences", "What would change our mind")


def test_the_index_lists_every_page_by_its_title_in_order() -> None:
    rows = re.findall(r"^\| \[(\d+)\]\(([^)]+)\) \| (.+) \|$", (DIRECTORY / "README.md").read_text(), re.MULTILINE)
    titles = [page.read_text().partition("\n")[0] for page in PAGES]
    assert [(f"# {number}. {title}", file) for number, file, title in rows] == [
        (title, page.name) for title, page in zip(titles, PAGES, strict=True)
    ]


def test_numbers_are_unique() -> None:
    numbers = [page.name[:4] for page in PAGES]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_gives_reasons_a_decision_its_consequences_and_what_would_change_it(page: Path) -> None:
    parts = re.findall(r"^\*\*([^*]+)\.\*\*", page.read_text(), re.MULTILINE)
    assert {"Context", "Why"} & set(parts), parts
    assert [part for part in parts if part in _ORDER] == list(_ORDER), parts
