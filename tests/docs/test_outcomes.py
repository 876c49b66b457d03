"""The tables of what becomes of a job say what the engine answers, and name every end and every `when`."""

from __future__ import annotations

import re

from support.truth_table import ENDS, PAGE, page

from orchestrator.engine.outcomes import OUTCOME_PHRASES
from orchestrator.plan.model import When


def test_the_page_is_what_the_engine_answers() -> None:
    assert PAGE.read_text() == page(), "make it again: python tests/support/truth_table.py"


def test_every_end_of_a_need_and_every_when_has_its_place() -> None:
    rows = re.findall(r"^\| ([a-z, ]+) \| (\w+) \| (\w+) \| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
    assert [row[0] for row in rows] == list(ENDS)
    ways = {went.removeprefix("was ") for went in OUTCOME_PHRASES.values()}
    assert {end.partition(",")[0] for end in ENDS} == ways | {"succeeded"}
    assert all(f"`when: {when.value}`" in PAGE.read_text() for when in When)
    assert {word for row in rows for word in row[1:]} == {"runs", "skipped"}
