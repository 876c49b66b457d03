"""The line at which a runbook failed, from a marker file that its job may have changed at will."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.runbooks import with_place
from orchestrator.execute.attempt.spec import AttemptResult
from orchestrator.plan.model import JobSpec, ShellBlock

SPEC = JobSpec(file="docs/a.md", blocks=(ShellBlock(4, "false\n"),))
FAILED = AttemptResult(Verdict.FAILED, "exit code 1", 1)


@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        ("line 7\n", "exit code 1, in line 7 of `docs/a.md`"),
        ("block 4\n", "exit code 1, in the block at line 4 of `docs/a.md`"),
        ("", "exit code 1"),
        ("line x\n", "exit code 1"),
        ("\xff" * 1000, "exit code 1"),
    ],
)
def test_the_line_joins_the_reason(tmp_path: Path, marker: str, reason: str) -> None:
    (tmp_path / "place").write_text(marker)
    assert with_place(FAILED, SPEC, str(tmp_path)).reason == reason


def test_a_marker_that_is_no_file_says_nothing(tmp_path: Path) -> None:
    assert with_place(FAILED, SPEC, str(tmp_path)) is FAILED
    place = tmp_path / "place"
    os.mkfifo(place)
    assert with_place(FAILED, SPEC, str(tmp_path)) is FAILED
    place.unlink()
    place.mkdir()
    assert with_place(FAILED, SPEC, str(tmp_path)) is FAILED
    place.rmdir()
    (tmp_path / "elsewhere").write_text("line 7\n")
    place.symlink_to("elsewhere")
    assert with_place(FAILED, SPEC, str(tmp_path)) is FAILED


@pytest.mark.parametrize(
    ("verdict", "told"),
    [(Verdict.TIMED_OUT, True), (Verdict.KILLED, True), (Verdict.SUCCEEDED, False), (Verdict.LOST, False)],
)
def test_only_an_end_of_the_job_itself_names_a_line(tmp_path: Path, verdict: Verdict, told: bool) -> None:
    (tmp_path / "place").write_text("line 7\n")
    assert (with_place(AttemptResult(verdict, "x"), SPEC, str(tmp_path)).reason != "x") is told


def test_what_is_no_runbook_has_no_place(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("line 7\n")
    assert with_place(FAILED, JobSpec(run="false"), str(tmp_path)) is FAILED
