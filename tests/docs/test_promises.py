"""The page of promises lists each promise once, and each has the test file that the page names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/promises.md").read_text()
_FOUND = re.findall(r"^\| (?!name|---)([a-z-]+) \| (.+) \|$", PAGE, re.MULTILINE)
ROWS = dict(_FOUND)
PROMISES = {
    "bounded-memory",
    "bounded-stop",
    "durable-success",
    "env",
    "full-disk",
    "inherited",
    "limits-from-start",
    "log-fidelity",
    "no-orphans",
    "no-orphans-on-crash",
    "no-rerun",
    "no-silent-corruption",
    "one-writer",
    "private-files",
    "safe-input",
    "safe-output",
    "sandbox",
    "scarcity",
    "secrets",
    "signals",
    "terminal",
    "time",
    "true-status",
}


def test_the_page_lists_every_promise_once() -> None:
    assert set(ROWS) == PROMISES
    assert len(_FOUND) == len(ROWS), "duplicate promise"


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_a_promise_has_the_test_file_that_the_page_names(name: str) -> None:
    file = f"test_{name.replace('-', '_')}.py"
    text = (ROOT / "tests/promises" / file).read_text()
    assert f"`{file}`" in ROWS[name]
    # The first sentence of the file is the promise, and at least one test checks it.
    assert re.match(rf'"""{name}\b', text), text.partition("\n")[0]
    assert re.search(r"^def test_", text, re.MULTILINE)


def test_every_test_file_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    assert named - {path.name for path in (ROOT / "tests/promises").glob("test_*.py")} == set()
