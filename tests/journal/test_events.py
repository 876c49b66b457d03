"""The closed list of events, and the facts among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.stories import every_event
from support.worlds import job, plan

from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    Fact,
    JobAdopted,
    KillSent,
    RunResumed,
    RunStarted,
)
from orchestrator.engine.states import CancelReason, Verdict
from orchestrator.journal.events import EVENTS, events_schema
from orchestrator.journal.facts_as_events import fact_from_event, fact_to_fields

SCHEMA = Path(__file__).parents[2] / "schemas" / "events.schema.json"
VALID = jsonschema.Draft202012Validator(events_schema())
IDS = ("fetch", "build", "test")
INDEX_OF = {name: index for index, name in enumerate(IDS)}

_AT = st.floats(0, 1e6)
_JOB = st.integers(0, len(IDS) - 1)
_ATTEMPT = st.integers(1, 9)

FACTS: st.SearchStrategy[Fact] = st.one_of(
    st.builds(RunStarted, _AT, st.booleans()),
    st.builds(RunResumed, _AT),
    st.builds(JobAdopted, _AT, _JOB),
    st.builds(AttemptStarted, _AT, _JOB, _ATTEMPT),
    st.builds(
        AttemptFinished,
        _AT,
        _JOB,
        _ATTEMPT,
        st.sampled_from(Verdict),
        st.none() | st.integers(0, 255),
        st.none() | st.just("SIGTERM"),
        st.text(),
        evicted=st.booleans(),
    ),
    st.builds(KillSent, _AT, _JOB, _ATTEMPT, st.booleans()),
    st.builds(CancelRequested, _AT, st.sampled_from(CancelReason), st.booleans(), st.none() | _JOB),
)


def test_the_schema_in_schemas_is_up_to_date() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json.dumps(events_schema(), indent=2) + "\n"


def test_the_schema_is_valid_and_each_event_is_closed() -> None:
    schema = events_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert [event["additionalProperties"] for event in schema["oneOf"]] == [False] * len(EVENTS)


def test_each_kind_of_event_keeps_the_schema() -> None:
    events = every_event(plan(job("build"))).events
    assert {event["event"] for event in events} == EVENTS.keys()
    for event in events:
        VALID.validate(event)


@pytest.mark.parametrize(
    "change",
    [{"event": "job.exploded"}, {"attempt": 0}, {"extra": 1}, {"v": 2}, {"ts": "2026-01-02 03:04:05"}, {"crc": "1"}],
    ids=str,
)
def test_what_is_no_event_does_not_pass(change: dict[str, Any]) -> None:
    started = next(event for event in every_event(plan(job("a"))).events if event["event"] == "attempt.started")
    assert VALID.is_valid(started)
    assert not VALID.is_valid(started | change)


@given(FACTS)
def test_a_fact_comes_back_from_its_event(fact: Fact) -> None:
    event, fields = fact_to_fields(fact, IDS)
    assert fields.keys() <= EVENTS[event].keys()
    by_the_driver = {"version": "0.1.7" if fact.early_skips else "0.2.0"} if isinstance(fact, RunStarted) else {}
    assert fact_from_event({"event": event, "at": fact.at, **fields, **by_the_driver}, INDEX_OF) == fact


@pytest.mark.parametrize(
    ("version", "early_skips"),
    [("0.1.0", True), ("0.1.9.dev1", True), ("0.10.0", False), ("0.2.0", False), ("1", False)],
)
def test_the_version_that_started_a_run_decides_its_rules(version: str, early_skips: bool) -> None:
    fact = fact_from_event({"event": "run.started", "at": 0.0, "version": version}, INDEX_OF)
    assert fact == RunStarted(0.0, early_skips=early_skips)


def test_consequences_and_remarks_are_no_facts() -> None:
    events = every_event(plan(job("build"))).events
    silent = {event["event"] for event in events if fact_from_event(event, {"build": 0}) is None}
    assert silent == {
        "attempt.spawned",
        "matrix.expanded",
        "retry.scheduled",
        "job.finished",
        "run.finished",
        "degraded",
        "orphan.killed",
        "journal.recovered",
        "worker.joined",
        "worker.left",
        "worker.queued",
        "worker.dequeued",
        "attempt.late",
    }
