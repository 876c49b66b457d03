"""The README's two commands are on the first screen and name what exists; `conftest.py` runs the first."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TRY_IT, TEST_IT = re.findall(r"^python3 -m venv .+$", README, re.MULTILINE)
FIRST_SCREEN = 24  # lines


def test_both_commands_are_on_the_first_screen() -> None:
    head = README.splitlines()[:FIRST_SCREEN]
    assert TRY_IT in head
    assert TEST_IT in head


def test_the_checks_run_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text()
    (pattern,) = re.findall(r"sed -n 's/\^\\\((.+)\\\)\$/\\1/p' README\.md", script)
    assert [line for line in README.splitlines() if re.fullmatch(pattern, line)] == [TEST_IT]


def test_the_first_command_runs_an_example_that_exists() -> None:
    manifest = re.findall(r"pexec apply (\S+)$", TRY_IT)
    assert [(ROOT / path).is_file() for path in manifest] == [True]


def test_the_test_command_installs_an_extra_that_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"-e '\.\[(\w+)\]'", TEST_IT)) == {"test"} <= set(extras)
