"""Every example of the documentation produces the output that the page quotes, installed as the README says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.documents import commands, matches, play

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NEED_AN_EXTRA = {"clusters", "cluster-recipes"}  # which the installation of the README lacks


@pytest.mark.docs
@pytest.mark.network
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("document", [page for page in DOCUMENTS if commands(page)], ids=lambda path: path.stem)
def test_the_examples_of_a_page_print_what_it_quotes(document: Path, clone: Path, tmp_path: Path) -> None:
    directory = tmp_path / document.stem
    directory.mkdir()
    programs = Path(sys.executable).parent if document.stem in NEED_AN_EXTRA else clone / ".venv/bin"
    assert play(document, directory, programs) == commands(document)


def test_the_pages_with_examples_are_found() -> None:
    pages = {path.stem for path in DOCUMENTS if commands(path)}
    assert pages >= {"README", "tutorial", "manual", "recipes", "migrating", "servers", "scheduling", "secrets"}


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        (["done in 1.2s"], ["done in 305ms"], True),
        (["done in 1.2s"], ["failed in 1.2s"], False),
        (["done in 1.2 s"], ["done in 1.2s"], False),
        (["a", "...", "d"], ["a", "b", "c", "d"], True),
        (["a", "...", "d"], ["a", "b", "c"], False),
        (["run 20260101T000000.000000Z-abcd ok"], ["run 20270202T111111.222222Z-0a1b ok"], True),
        (["name   status"], ["name status"], True),
        (["a  2ms  failed"], ["a  90ms (80ms waiting)  failed"], True),
        (["a  2ms (1ms waiting)"], ["a  90ms"], False),
        ([], ["something"], False),
    ],
)
def test_only_equivalent_output_matches(expected: list[str], output: list[str], same: bool) -> None:
    assert matches(expected, output) is same
