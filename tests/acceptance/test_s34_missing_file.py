"""S34: a missing workflow file is an error at its line before anything starts, and never vanishes from the totals."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.runs import last_run, runs

MANIFEST = """\
version: 1
workflows:
  first: {run: touch ran}
  script: {needs: first, file: ci/gone.sh}
  book: {file: gone.md}
"""


@pytest.mark.parametrize("command", ["apply", "plan", "validate"])
def test_every_missing_file_is_reported_at_its_line_and_nothing_runs(pexec: Pexec, command: str) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    pexec.run(command).said(
        exit_code=3,
        stderr="""\
error[PX205]: `script` runs `ci/gone.sh`, which does not exist
 --> pexec.yaml:4:32
  |
4 |   script: {needs: first, file: ci/gone.sh}
  |                                ^^^^^^^^^^ no such file
  = help: paths are relative to the manifest's directory

error[PX205]: `book` runs `gone.md`, which does not exist
 --> pexec.yaml:5:16
  |
5 |   book: {file: gone.md}
  |                ^^^^^^^ no such file
  = help: paths are relative to the manifest's directory

error: 2 errors in pexec.yaml
""",
    )
    assert not (pexec.folder / "ran").exists()
    assert not runs(pexec.folder)


def test_a_directory_in_place_of_a_file_is_reported_too(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {file: folder}}\n").file("folder/x", "")
    said = pexec.run("validate")
    assert said.exit_code == 3
    assert "error[PX206]: `a` cannot run `folder`: it is a directory\n --> pexec.yaml:2:23\n" in said.stderr


def test_a_file_that_is_removed_during_the_run_fails_its_job_and_is_counted(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST.replace("touch ran", "rm -r ci").replace("  book: {file: gone.md}\n", ""))
    pexec.file("ci/gone.sh", "echo never\n")
    assert pexec.run("apply").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"first": "succeeded", "script": "failed"}
    summary = run.results["summary"]
    assert (summary["total_jobs"], summary["successful_jobs"], summary["failed_jobs"]) == (2, 1, 1)


def test_a_missing_file_of_discovery_is_never_dropped(pexec: Pexec) -> None:
    pexec.file("a.sh", ":\n").file("deps.json", json.dumps({"workflows": {"b": {"path": "b.sh", "status": "PENDING"}}}))
    said = pexec.run("discover", "a.sh", "--dependency-graph", "deps.json")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "`b.sh` does not exist" in said.stderr
