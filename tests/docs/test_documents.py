"""Every example of the documentation does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.documents import matches, play, steps

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.docs
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_the_document_does_what_it_says(document: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    assert play(document, folder) == sum(bool(step.command and step.command != "echo $?") for step in steps(document))


def test_there_are_documents() -> None:
    assert {path.stem for path in DOCUMENTS} >= {"tutorial", "manual", "recipes"}


@pytest.mark.parametrize(
    ("expected", "shown", "same"),
    [
        (["done in 1.2 s"], ["done in 30.55 s"], True),
        (["done in 1.2 s"], ["failed in 1.2 s"], False),
        (["a", "...", "d"], ["a", "b", "c", "d"], True),
        (["a", "...", "d"], ["a", "b", "c"], False),
        (["run 20260101T000000.000000Z-abcd ok"], ["run 20270202T111111.222222Z-0a1b ok"], True),
        (["name   status"], ["name status"], True),
        ([], ["something"], False),
    ],
)
def test_a_page_matches_only_what_it_says(expected: list[str], shown: list[str], same: bool) -> None:
    assert matches(expected, shown) is same
