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
