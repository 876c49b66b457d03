"""A tool is recognised by what it prints about itself, and reuses nothing of an earlier run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.tools import FIRST_TIME, NINJA, PARALLEL, PEXEC


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 'GNU parallel 20240222'; echo 'Copyright (C) 2007'", "20240222"),
        # moreutils has another program of this name.
        ("echo 'parallel [OPTIONS] command -- arguments' >&2; exit 1", None),
        ("echo 'parallel 0.68'", None),
    ],
)
def test_gnu_parallel_is_recognised_by_what_it_prints(tmp_path: Path, script: str, version: str | None) -> None:
    program = tmp_path / "parallel"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert PARALLEL.installed_version({"PATH": str(tmp_path)}) == version


def test_a_tool_that_is_not_on_the_path_has_no_version(tmp_path: Path) -> None:
    assert PEXEC.installed_version({"PATH": str(Path(sys.executable).parent)}) is not None
    assert PEXEC.installed_version({"PATH": str(tmp_path)}) is None


def test_leftovers_of_a_tool_are_removed_and_its_input_stays(tmp_path: Path) -> None:
    for directory in (".pexec", ".cache"):
        (tmp_path / directory / "inner").mkdir(parents=True)
    for file in (".ninja_log", "build.ninja", "pexec.yaml"):
        (tmp_path / file).write_text("")
    PEXEC.clean(tmp_path)
    NINJA.clean(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".cache", "build.ninja", "pexec.yaml"}


def test_a_first_run_of_pexec_finds_no_cached_plan(tmp_path: Path) -> None:
    (tmp_path / ".cache/pexec/plans").mkdir(parents=True)
    FIRST_TIME.clean(tmp_path)
    assert not list(tmp_path.iterdir())
    assert FIRST_TIME.home(tmp_path) == {"HOME": str(tmp_path)}
    assert PEXEC.home(tmp_path) == {}
