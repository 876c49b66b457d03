"""What "did you mean" offers."""

from __future__ import annotations

from orchestrator.diagnostics.suggest import Suggester


def test_near_names_are_offered_and_far_ones_are_not() -> None:
    suggester = Suggester(["build", "builds", "deploy"])
    assert suggester.did_you_mean("buildd") == "did you mean `build` or `builds`?"
    assert suggester.did_you_mean("zebra") == ""


def test_at_most_three_names_are_offered() -> None:
    assert Suggester(["job1", "job2", "job3", "job4"]).near("job") == ("job1", "job2", "job3")


def test_suggestions_stop_when_their_budget_is_used_up() -> None:
    suggester = Suggester(["build", "test"], budget=3)
    assert suggester.near("biuld") == ("build",)
    assert suggester.near("biuld") == ()
