"""The closed list of statuses."""

from __future__ import annotations

from orchestrator.engine.outcomes import FAILURE_NAMES
from orchestrator.engine.states import TERMINAL
from orchestrator.report.status import FAILED_STATUSES, STATUS_OF_EVENT, Status, status_file


def test_each_end_of_a_job_has_a_status_and_the_others_have_not_ended() -> None:
    assert STATUS_OF_EVENT.keys() == {state.value for state in TERMINAL}
    assert set(Status) - set(STATUS_OF_EVENT.values()) == {Status.PENDING, Status.RUNNING}


def test_a_status_file_is_one_word_on_a_line() -> None:
    assert status_file(Status.TIMED_OUT) == b"TIMED_OUT\n"


def test_in_a_sentence_a_status_is_words() -> None:
    assert [Status.SUCCESS.words, Status.TIMED_OUT.words, Status.LOST.words] == ["succeeded", "timed out", "lost"]
    assert [Status.SUCCESS.phrase, Status.TIMED_OUT.phrase, Status.LOST.phrase] == [
        "succeeded",
        "timed out",
        "was lost",
    ]


def test_the_failures_are_those_of_the_engine() -> None:
    assert {status.value.lower() for status in FAILED_STATUSES} == FAILURE_NAMES
