"""The tables of job outcomes match the engine, and cover every outcome of a need and every `when`."""

from __future__ import annotations

import re

from support.truth_table import ENDS, PAGE, page

from orchestrator.engine.outcomes import OUTCOME_PHRASES
from orchestrator.plan.model import When


def test_the_page_is_what_the_engine_answers() -> None:
    assert PAGE.read_text() == page(), "regenerate it: python tests/support/truth_table.py"


def test_every_outcome_of_a_need_and_every_when_has_a_cell() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \| (\w+) \| (\w+) \| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
    assert [row[0] for row in rows] == list(ENDS)
    outcomes = {phrase.removeprefix("was ") for phrase in OUTCOME_PHRASES.values()}
    assert {end.partition(",")[0] for end in ENDS} == outcomes | {"succeeded"}
    assert all(f"`when: {when.value}`" in PAGE.read_text() for when in When)
    assert {word for row in rows for word in row[1:]} == {"runs", "skipped"}
