"""The page with the tables has a place for each, and says how to measure them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import SUBJECTS
from benchmarks.tables import replaced, table

PAGE = (Path(__file__).parents[2] / "docs/performance.md").read_text()


@pytest.mark.parametrize("name", ["versions", *SUBJECTS])
def test_the_page_has_a_place_for_each_table(name: str) -> None:
    assert "THE TABLE" in replaced(PAGE, name, "THE TABLE")


def test_a_table_is_written_into_its_place_and_nowhere_else() -> None:
    page = "a\n<!-- x -->\nold\n<!-- end of x -->\nb\n<!-- y -->\n<!-- end of y -->\n"
    once = replaced(page, "x", r"new \1")
    assert once == page.replace("old", "\nnew \\1\n")
    assert replaced(once, "x", r"new \1") == once
    with pytest.raises(ValueError, match="no place for z"):
        replaced(page, "z", "")


def test_numbers_are_right_aligned() -> None:
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
