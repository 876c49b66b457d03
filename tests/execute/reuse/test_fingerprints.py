"""Which problems of inputs keep a job from starting, and which only from being up to date."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.planning import planned

from orchestrator.cache.cache import Cache
from orchestrator.cache.hash_file import ChangingError as FileChangesError
from orchestrator.cache.model import Place, never
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.reuse.fingerprints import CannotBeTakenError, ChangingError, Fingerprints
from orchestrator.plan.cells import Cell
from orchestrator.plan.grown_plan import cell_jobs

PLAN = planned("workflows: {build: {inputs: [src], run: make}}").plan
assert PLAN is not None


def fingerprints(folder: Path) -> Fingerprints:
    assert PLAN is not None
    cache = Cache(None, 0, pytest.fail)
    return Fingerprints(PLAN, Place(str(folder), str(folder)), cache, Environments(os.environb), _run_nothing)


def _run_nothing(*_: object) -> str:
    raise AssertionError("no command is an input")


def test_an_input_that_is_missing_keeps_the_job_from_starting(tmp_path: Path) -> None:
    assert PLAN is not None
    with pytest.raises(CannotBeTakenError) as caught:
        fingerprints(tmp_path).take(PLAN.jobs[0], PLAN.jobs[0].spec, {}, never)
    assert not isinstance(caught.value, ChangingError)


def test_an_input_that_changes_while_it_is_read_only_keeps_it_from_being_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changes(*_: object, **__: object) -> None:
        raise FileChangesError(0, "it changes while it is read")

    assert PLAN is not None
    (tmp_path / "src").mkdir()
    (tmp_path / "src/log").write_text("more and more")
    taken = fingerprints(tmp_path).take(PLAN.jobs[0], PLAN.jobs[0].spec, {}, never)
    assert list(taken.listing.files) == ["src/log"]
    monkeypatch.setattr("orchestrator.cache.content.hash_path", changes)
    with pytest.raises(ChangingError, match="the input `src/log` changes while it is read"):
        fingerprints(tmp_path).take(PLAN.jobs[0], PLAN.jobs[0].spec, {}, never)


GROWING = """workflows:
  plan: {run: x, outputs: {list: {type: json}, more: {default: ""}}}
  test:
    needs: plan
    matrix: {s: {from: needs.plan.outputs.list}}
    inputs: []
    run: USED ${{ matrix.s }}
"""


def needed_values(folder: Path, run: str) -> object:
    """What a job of a growing matrix takes from the job that wrote its list."""
    plan = planned(GROWING.replace("USED", run)).plan
    assert plan is not None
    (cell,) = cell_jobs(plan.jobs[1], [Cell({"s": "a"}, "s=a")], 2)
    cache, place = Cache(None, 0, pytest.fail), Place(str(folder), str(folder))
    takes = Fingerprints(plan, place, cache, Environments(os.environb), _run_nothing, [*plan.jobs, cell])
    taken = takes.take(cell, cell.spec, {0: {"list": '["a","b"]', "more": "m"}}, never)
    return taken.fingerprint.needs["plan"].values


def test_of_the_list_that_its_matrix_was_made_of_only_its_own_item_counts_for_a_job(tmp_path: Path) -> None:
    assert needed_values(tmp_path, "x") == {"more": "m"}


def test_a_job_that_uses_the_list_of_its_matrix_depends_on_all_of_it(tmp_path: Path) -> None:
    used = "${{ needs.plan.outputs.list }}"
    assert needed_values(tmp_path, used) == {"list": '["a","b"]', "more": "m"}
