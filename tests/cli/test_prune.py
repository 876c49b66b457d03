"""`pexec prune`: old runs go, and it is said which, and why others stay."""

from __future__ import annotations

import json
import os

import pytest
from support.cli import Pexec
from support.journals import nightly
from support.recorded_runs import record, start, tear


def run_id(number: int) -> str:
    return f"20260102T0304{number:02}.000000Z-0123abcd"


def test_twenty_runs_are_kept(pexec: Pexec) -> None:
    root = pexec.folder / ".pexec/runs"
    for number in range(22):
        record(root, nightly(), run_id=run_id(number))
    pexec.run("prune").said(stdout=f"{run_id(0)}\n{run_id(1)}\n")
    assert sorted(os.listdir(root)) == [run_id(number) for number in range(2, 22)]
    pexec.run("prune").said()


def test_runs_in_progress_or_resumable_are_kept_and_reported(pexec: Pexec) -> None:
    root = pexec.folder / ".pexec/runs"
    tear(record(root, nightly(), run_id=run_id(1)))
    record(root, nightly(), run_id=run_id(3))
    with start(root, nightly(), run_id=run_id(2)):
        pexec.run("prune", "--keep", "0", "--dry-run").said(
            stdout=f"{run_id(3)}\n",
            stderr=f"pexec: {run_id(1)} kept: it was interrupted and can be resumed\n"
            f"pexec: {run_id(2)} kept: it is running\n",
        )
        assert len(os.listdir(root)) == 3
        said = pexec.run("prune", "--keep=0", "--interrupted", "--format", "json")
    assert json.loads(said.stdout) == {
        "removed": [run_id(1), run_id(3)],
        "kept": [{"run_id": run_id(2), "reason": "it is running"}],
        "dry_run": False,
    }
    assert os.listdir(root) == [run_id(2)]


def test_without_any_run_there_is_nothing_to_do(pexec: Pexec) -> None:
    pexec.run("prune").said()
    assert not (pexec.folder / ".pexec").exists()


@pytest.mark.parametrize("number", ["-1", "many"])
def test_how_many_to_keep_is_a_number(pexec: Pexec, number: str) -> None:
    assert pexec.run("prune", f"--keep={number}").exit_code == 2
