"""The tables themselves."""

from __future__ import annotations

from orchestrator.engine.states import ENDED, RESUME_TRANSITIONS, TERMINAL, TRANSITIONS, JobState


def test_a_terminal_state_is_one_that_nothing_follows() -> None:
    assert {state for state, following in TRANSITIONS.items() if not following} == ENDED


def test_every_end_but_that_of_a_placeholder_is_a_status() -> None:
    assert {JobState.EXPANDED} == ENDED - TERMINAL


def test_every_state_can_be_reached_and_can_come_to_an_end() -> None:
    assert set().union(*TRANSITIONS.values()) == set(JobState) - {JobState.PENDING}
    for state in set(JobState) - ENDED:
        assert JobState.CANCELLED in TRANSITIONS[state]


def test_a_resume_reopens_everything_but_a_success_and_what_has_grown() -> None:
    reopened = {state for state, following in RESUME_TRANSITIONS.items() if following == {JobState.PENDING}}
    assert reopened == set(JobState) - {JobState.SUCCEEDED, JobState.EXPANDED}
    assert RESUME_TRANSITIONS[JobState.SUCCEEDED] == RESUME_TRANSITIONS[JobState.EXPANDED] == frozenset()
