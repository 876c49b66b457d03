"""The page of the runbook names each row once, with tests that exist, and each test of a row is named there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ACCEPTANCE = ROOT / "tests/acceptance"
PAGE = (ROOT / "docs/design/runbook.md").read_text()
ROWS = re.findall(r"^\| (S\d\d) \| .* \| ([^|]*) \|$", PAGE, re.MULTILINE)
MISTAKES = re.findall(r"^\| ([^|]+) \| (`test_\w+\.py::[^|]+) \|$", PAGE, re.MULTILINE)


def test_every_row_from_s01_to_s68_is_on_the_page_once_and_in_order() -> None:
    assert [row for row, _ in ROWS] == [f"S{number:02d}" for number in range(1, 69)]


@pytest.mark.parametrize(("row", "tests"), ROWS)
def test_a_row_names_test_files_that_hold_it(row: str, tests: str) -> None:
    files = re.findall(r"`([^`]+)`", tests)
    assert files
    for file in files:
        text = (ACCEPTANCE / file).read_text()
        assert re.search(r"^def test_", text, re.MULTILINE), file
    assert any(row.lower() in file.split("_") for file in files), "one of them is named after the row"


def test_every_test_file_of_a_row_is_on_the_page_in_that_row() -> None:
    named = dict(ROWS)
    for path in ACCEPTANCE.glob("test_s[0-9][0-9]*.py"):
        for row in re.findall(r"_(s\d\d)(?=_)", path.name):
            assert f"`{path.name}`" in named[row.upper()], f"{path.name} in row {row.upper()}"


def test_the_first_sentence_of_a_test_file_names_the_rows_of_its_name() -> None:
    for path in ACCEPTANCE.glob("test_s[0-9][0-9]*.py"):
        rows = re.findall(r"_(s\d\d)(?=_)", path.name)
        sentence = path.read_text().partition("\n")[0]
        assert re.match(r'"""S\d\d.*: ', sentence), sentence
        assert rows[0].upper() in sentence, sentence
        assert rows[-1].upper() in sentence, sentence


def test_the_mistakes_have_tests() -> None:
    assert len(MISTAKES) == 23
    for mistake, tests in MISTAKES:
        for file, function in re.findall(r"`(\w+\.py)::(\w+)`", tests):
            assert f"\ndef {function}(" in (ACCEPTANCE / file).read_text(), mistake
