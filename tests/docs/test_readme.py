"""The README's two commands are on the first screen and work as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TRY_IT, TEST_IT = re.findall(r"^python3 -m venv .+$", README, re.MULTILINE)
FIRST_SCREEN = 24  # lines
# What a clone has and an installation needs.
_SOURCES = ("orchestrator", "schemas", "pyproject.toml", "README.md", "LICENSE", "pexec.yaml.example")


def test_both_commands_are_on_the_first_screen() -> None:
    head = README.splitlines()[:FIRST_SCREEN]
    assert TRY_IT in head
    assert TEST_IT in head


def test_the_checks_run_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci/run").read_text()
    (pattern,) = re.findall(r"sed -n 's/\^\\\((.+)\\\)\$/\\1/p' README\.md", script)
    assert [line for line in README.splitlines() if re.fullmatch(pattern, line)] == [TEST_IT]


def test_the_test_command_installs_an_extra_that_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"-e '\.\[(\w+)\]'", TEST_IT)) == {"test"} <= set(extras)


@pytest.mark.timeout(600)
@pytest.mark.pre_commit
def test_the_first_command_installs_and_runs_the_example_in_a_fresh_copy(tmp_path: Path) -> None:
    for name in _SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PEXEC_")}
    done = subprocess.run(
        ["bash", "-c", TRY_IT],
        cwd=tmp_path,
        env={**environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},  # plans are not cached in the user's home
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the report is in .pexec/example/report.md" in done.stdout
