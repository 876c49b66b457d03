"""What "did you mean" suggests: names that a reader would agree with, and nothing otherwise."""

from __future__ import annotations

import pytest

from orchestrator.diagnostics.suggest import Suggester, closest, did_you_mean
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
def test_a_typo_finds_the_key_that_was_meant(word: str, meant: str) -> None:
    assert closest(word, keys_of(Workflow)) == meant


@pytest.mark.parametrize("word", ["xyz", "image", "foo", "a", "", "services", "stage"])
def test_a_different_word_finds_no_key(word: str) -> None:
    assert closest(word, keys_of(Workflow)) is None


def test_the_most_similar_name_is_found_and_of_equals_the_first() -> None:
    assert closest("build1", ["build22", "build2", "build3"]) == "build2"


@pytest.mark.cost
def test_comparing_with_many_thousands_of_names_is_bounded() -> None:
    assert closest("worklfow", (f"workflow_{number}" for number in range(100_000))) is None


@pytest.mark.parametrize(
    ("word", "help_text"),
    [
        ("buildd", "did you mean `build` or `builds`?"),
        ("deplyo", "did you mean `deploy`?"),
        ("zebra", ""),
        ("", ""),
    ],
)
def test_the_help_names_what_is_similar_or_is_empty(word: str, help_text: str) -> None:
    assert did_you_mean(word, ["build", "builds", "deploy"]) == help_text


def test_a_beginning_suggests_the_names_that_continue_it_where_no_name_is_similar() -> None:
    names = ["test-linux", "test-macos", "build"]
    assert did_you_mean("tes", names) == "did you mean `test-linux` or `test-macos`?"
    assert did_you_mean("te", names) == ""


def test_some_parts_of_a_name_suggest_it_where_no_name_is_similar() -> None:
    names = ["max_parallel_jobs", "fail_fast"]
    assert did_you_mean("max-jobs", names) == "did you mean `max_parallel_jobs`?"
    assert did_you_mean("jobs", names) == ""


def test_at_most_three_names_are_suggested() -> None:
    assert Suggester(["job1", "job2", "job3", "job4"]).similar("job") == ("job1", "job2", "job3")
    assert Suggester([f"worker-{number}" for number in range(9)]).similar("work") == (
        "worker-0",
        "worker-1",
        "worker-2",
    )


def test_suggestions_stop_when_their_budget_is_used_up() -> None:
    suggester = Suggester(["build", "test"], budget=3)
    assert suggester.similar("biuld") == ("build",)
    assert suggester.similar("biuld") == ()
