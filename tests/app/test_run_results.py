"""The results of several runs: what cannot be read is left out, and all of them together are bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recorded_runs import record
from support.stories import sales

from orchestrator.app import run_results as module
from orchestrator.app.run_results import run_results


def run_id(number: int) -> str:
    return f"20260102T0304{number:02}.000000Z-0123abcd"


def sizes(root: Path, *numbers: int) -> list[int]:
    """The sizes of the results that are read of these runs."""
    return list(run_results(str(root), map(run_id, numbers), len))


def test_all_results_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        record(tmp_path, sales(), run_id=run_id(number))
    found = sizes(tmp_path, 0, 1, 2, 3)
    assert len(found) == 4
    monkeypatch.setattr(module, "MOST_BYTES", sum(found[:2]))
    assert sizes(tmp_path, 0, 1, 2, 3) == found[:2]
    monkeypatch.setattr(module, "MOST_BYTES", sum(found[:2]) + 10)
    assert sizes(tmp_path, 0, 1, 2, 3) == found[:2]
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    assert sizes(tmp_path, 0, 1, 2, 3) == []


def test_only_runs_that_exist_and_are_wanted_are_read(tmp_path: Path) -> None:
    record(tmp_path, sales(), run_id=run_id(1))
    record(tmp_path, sales(), run_id=run_id(2))
    assert len(sizes(tmp_path, 0, 1, 2)) == 2
    wanted = run_results(str(tmp_path), [run_id(1), run_id(2)], len, lambda run: run.run_id == run_id(2))
    assert len(list(wanted)) == 1
