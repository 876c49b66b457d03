"""A project has its runs in one place, whatever the current directory in it."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.runs import runs

MANIFEST = "version: 1\nworkflows: {a: {run: echo hello}}\n"


@pytest.mark.parametrize("words", [(), ("../../pexec.yaml",), ("other.yaml",), ("-",)])
def test_runs_are_next_to_the_manifest_that_is_found_from_the_current_directory(
    pexec: Pexec, words: tuple[str, ...]
) -> None:
    pexec.file("pexec.yaml", MANIFEST).file("deep/down/other.yaml", MANIFEST).inside("deep/down")
    assert pexec.run("apply", *words, "--output", "quiet", stdin=MANIFEST).exit_code == 0
    assert not (pexec.folder / "deep/down/.pexec").exists()
    (run,) = runs(pexec.folder)
    assert json.loads(pexec.run("status", "--format", "json").stdout)["run_id"] == run.path.name
    assert pexec.run("logs").stdout.endswith("hello\n")
    assert pexec.inside(".").run("verify").exit_code == 0


def test_without_a_manifest_runs_are_in_the_current_directory(pexec: Pexec) -> None:
    assert pexec.file("below/pexec.yaml", MANIFEST).run("apply", "below/pexec.yaml", "--output", "quiet").exit_code == 0
    assert len(runs(pexec.folder)) == 1
    assert not (pexec.folder / "below/.pexec").exists()


def test_what_was_said_goes_before_it(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).inside("deep")
    assert pexec.run("apply", "--output", "quiet", "--run-root", "here").exit_code == 0
    assert len(list((pexec.folder / "deep/here").glob("2*"))) == 1
    assert not (pexec.folder / ".pexec").exists()


@pytest.mark.parametrize(
    ("command", "error", "exit_code"),
    [
        ("status", "error: ", 2),
        ("report", "error: ", 2),
        ("resume", "error[PX406]: nothing to resume: ", 4),
    ],
)
def test_where_there_are_no_runs_the_help_names_another_root_that_has_some(
    pexec: Pexec, command: str, error: str, exit_code: int
) -> None:
    pexec.file("below/pexec.yaml", MANIFEST).run("apply", "below/pexec.yaml", "--output", "quiet")
    pexec.inside("below").run(command).said(
        exit_code=exit_code,
        stderr=f"{error}no runs in `.pexec/runs`\n"
        "  = help: there are runs in `../.pexec/runs`; use `--run-root ../.pexec/runs`\n",
    )
