"""The table of deaths is made of what the tests that kill report."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.strikes import report

from benchmarks.tables import replaced
from benchmarks.who_dies import NAME, Figures

PAGE = (Path(__file__).parents[2] / "docs/performance.md").read_text()


def test_figures_of_tests_become_rows_in_the_order_of_the_page() -> None:
    lines: list[str] = []
    for what, seconds in (
        ("pexec: to all jobs dead", [0.5]),
        ("its warden: to its jobs dead", [0.011, 0.3, 0.02]),
        ("its warden: to the next attempt of a lost one", [1.5, 1.1, 1.2]),
    ):
        report(lambda name, value: lines.append(f"{name}: {value}"), f"kill of {what}", seconds)
    figures = Figures()
    figures.read("other text\n" + "\n".join(lines) + "\n")
    warden, pexec = figures.shown().splitlines()[2:]
    assert warden.startswith("| its warden | 3 | 0.30 s | 0.02 s | 1.50 s | 1.20 s | ")
    assert pexec.startswith("| pexec | 1 | 0.50 s | 0.50 s |  |  | ")


def test_a_figure_without_a_place_in_the_table_is_an_error() -> None:
    figures = Figures()
    figures.read("kill of the moon: to its jobs dead (1 times): at most 1.00 s, median 1.00 s, load 0.1")
    with pytest.raises(ValueError, match="no row for the moon"):
        figures.shown()


def test_the_page_has_a_place_for_the_table() -> None:
    assert "THE TABLE" in replaced(PAGE, NAME, "THE TABLE")
