"""What an earlier run left is gone before the next, where it would be used again."""

from __future__ import annotations

from pathlib import Path

from benchmarks.tools import FIRST_TIME, NINJA, PEXEC


def test_what_a_tool_left_goes_and_what_was_written_for_it_stays(tmp_path: Path) -> None:
    for folder in (".pexec", ".cache"):
        (tmp_path / folder / "inner").mkdir(parents=True)
    for file in (".ninja_log", "build.ninja", "pexec.yaml"):
        (tmp_path / file).write_text("")
    PEXEC.clean(tmp_path)
    NINJA.clean(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".cache", "build.ninja", "pexec.yaml"}


def test_pexec_finds_no_plan_of_an_earlier_run_where_it_is_to_run_for_the_first_time(tmp_path: Path) -> None:
    (tmp_path / ".cache/pexec/plans").mkdir(parents=True)
    FIRST_TIME.clean(tmp_path)
    assert not list(tmp_path.iterdir())
    assert FIRST_TIME.home(tmp_path) == {"HOME": str(tmp_path)}
    assert PEXEC.home(tmp_path) == {}
