"""The page of promises names each promise, each has its test file, and the page names that file."""

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


def test_the_page_tells_of_every_promise() -> None:
    assert set(ROWS) == PROMISES
    assert len(_FOUND) == len(ROWS), "a promise is told once"


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_a_promise_has_a_test_file_that_the_page_names(name: str) -> None:
    file = f"test_{name.replace('-', '_')}.py"
    text = (ROOT / "tests/promises" / file).read_text()
    assert f"`{file}`" in ROWS[name]
    # The file's first sentence is the promise, and there is something that tries it.
    assert re.match(rf'"""{name}\b', text), text.partition("\n")[0]
    assert re.search(r"^def test_", text, re.MULTILINE)


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE))
    assert named - {path.name for path in (ROOT / "tests/promises").glob("test_*.py")} == set()
