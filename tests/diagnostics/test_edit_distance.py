"""Suggestions that a person would agree with, and none where a person would shake the head."""

from __future__ import annotations

import pytest

from orchestrator.diagnostics.edit_distance import closest
from orchestrator.manifest.model import Workflow
from orchestrator.manifest.section import keys_of


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("neeeds", "needs"),
        ("nedes", "needs"),
        ("need", "needs"),
        ("Needs", "needs"),
        ("time_out", "timeout"),
        ("timeot", "timeout"),
        ("allowFailure", "allow_failure"),
        ("allow-failure", "allow_failure"),
        ("working-dir", "working_dir"),
        ("descrption", "description"),
        ("prioritiy", "priority"),
        ("rnu", "run"),
        ("args_", "args"),
        ("evn", "env"),
    ],
)
def test_a_slip_finds_the_word_that_was_meant(word: str, meant: str) -> None:
    assert closest(word, keys_of(Workflow)) == meant


@pytest.mark.parametrize("word", ["xyz", "image", "foo", "a", "", "services", "outputs", "stage"])
def test_a_different_word_finds_none(word: str) -> None:
    assert closest(word, keys_of(Workflow)) is None


def test_the_nearest_counts_and_of_equals_the_first() -> None:
    assert closest("build1", ["build22", "build2", "build3"]) == "build2"


def test_a_word_is_compared_with_many_thousands_in_bounded_time() -> None:
    assert closest("worklfow", (f"workflow_{number}" for number in range(100_000))) is None
