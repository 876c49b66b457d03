"""Whatever the bytes are, reading them ends soon, with a plan or with errors at their places, never with a crash.

The long form, for figures and for new numbers: `python tests/support/fuzz.py --seconds 600`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fuzz import Figures, run, trial
from support.mutations import Mutator, seeds


def test_every_input_is_handled(full: bool) -> None:
    figures = run(20261127, inputs=100_000 if full else 300)
    assert figures.failures == []
    assert figures.planned > 5, "no input could be planned: they are too odd"
    assert len(figures.codes) > 15, "few errors were found: the inputs are too tame"


@pytest.mark.parametrize("number", range(2))
def test_the_same_number_makes_the_same_inputs(number: int) -> None:
    once, again = Mutator(number), Mutator(number)
    assert [once.next() for _ in range(20)] == [again.next() for _ in range(20)]


def test_a_crash_is_found_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*arguments: object) -> None:
        raise LookupError("planted")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestrator.manifest.validation.model_errors._message", crash)
    figures = Figures()
    trial(b"version: 1\nworkflows: {a: {run: 1}}\n", Path(), figures)
    ((data, story),) = figures.failures
    assert (data[:9], "LookupError: planted" in story) == (b"version: ", True)


def test_an_input_without_errors_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    figures = Figures()
    trial(seeds()[0], Path(), figures)
    assert (figures.tried, figures.planned, figures.failures) == (1, 1, [])
