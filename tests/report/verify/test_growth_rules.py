"""The judge of journals on runs that grow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.retold import broken_rules
from support.worlds import World, job

from orchestrator.engine.states import Verdict
from orchestrator.plan.condition_model import RunCondition
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.run_matrix import CellChoice, RunAxis, RunMatrix

MATRIX = RunMatrix((RunAxis("s", workflow="source", output="list"),))
CHAIN = (CellChoice("test", references={"s": "s"}),)


def world(values: object, **test: Any) -> World:
    """A source, a matrix of what it writes, one like it, and two jobs that choose a cell of the first."""
    made = World.started(
        job("source", spec={"outputs": {"list": OutputSpec("json")}}),
        job("test[s=*]", workflow="test", needs="source", run_matrix=MATRIX, **test),
        job("pack[s=*]", workflow="pack", needs="test[s=*]", run_matrix=RunMatrix(like="test"), chosen_cells=CHAIN),
        job("first", needs="test[s=*]", chosen_cells=(CellChoice("test", {"s": "a"}),)),
        job("last", needs="test[s=*]", chosen_cells=(CellChoice("test", {"s": "z"}),)),
    )
    made.end("source", outputs={"list": json.dumps(values)})
    while running := made.running:
        made.end(running[0])
    return made


LEFT_OUT = RunCondition({"needs.source.status": ("failed",)})


@pytest.mark.parametrize(
    ("values", "test"),
    [(["a", "b"], {}), ([], {}), ({}, {}), ({}, {"allow_failure": True}), (["a"], {"condition": LEFT_OUT})],
)
def test_nothing_is_wrong_with_a_run_of_the_engine(values: object, test: dict[str, Any]) -> None:
    assert broken_rules(world(values, **test)) == []


def test_a_cancel_of_a_placeholder_is_one_of_its_cells_until_it_has_any() -> None:
    made = World.started(
        job("source", spec={"outputs": {"list": OutputSpec("json")}}),
        job("test[s=*]", workflow="test", needs="source", run_matrix=MATRIX),
        job("pack[s=*]", workflow="pack", needs="test[s=*]", run_matrix=RunMatrix(like="test"), chosen_cells=CHAIN),
    )
    made.cancel("pack[s=*]")
    made.end("source", outputs={"list": '["a", "b"]'})
    made.cancel("test[s=*]")  # too late: it changes nothing
    made.end("test[s=a]")
    made.end("test[s=b]")
    assert made.states["pack[s=a]"] == made.states["pack[s=b]"] == "cancelled"
    assert broken_rules(made) == []

    def without_request(event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "job": "test[s=*]"} if event.get("job") == "pack[s=*]" else event

    assert "cancel: `pack[s=a]` is cancelled, but nothing requested it" in broken_rules(made, without_request)


def test_a_matrix_that_has_other_cells_than_those_of_the_value_is_found() -> None:
    def fewer(event: dict[str, Any]) -> dict[str, Any]:
        is_pack = event["event"] == "matrix.expanded" and event["workflow"] == "pack"
        return {**event, "cells": event["cells"][:1]} if is_pack else event

    assert broken_rules(world(["a", "b"]), fewer)[0] == (
        "growth: the matrix of `pack` has not the cells of the recorded value"
    )


def test_an_empty_matrix_that_is_not_empty_is_found() -> None:
    def other_value(event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "outputs": {"list": '["a"]'}} if event.get("outputs") else event

    found = broken_rules(world([]), other_value)
    assert found[:2] == [
        "condition: `test[s=*]` is left out, but it has no `if` that is decided during the run",
        "condition: `pack[s=*]` is left out, but it has no `if` that is decided during the run",
    ]


def renamed(old: str, new: str) -> Any:
    return lambda event: {**event, "job": new} if event.get("job") == old else event


def test_a_start_of_a_job_that_chose_a_cell_which_did_not_come_is_found() -> None:
    found = broken_rules(world(["a"]), renamed("first", "last"))
    assert "growth: `last` starts although it needs a job that did not come" in found
    found = broken_rules(
        world([]), lambda event: {**event, "event": "attempt.started", "attempt": 1} if _is(event) else event
    )
    assert "growth: `last` starts although it needs a job that did not come" in found


def _is(event: dict[str, Any]) -> bool:
    return bool(event["event"] == "job.finished" and event["job"] == "last")


def test_a_job_that_fails_although_its_cell_is_only_left_out_is_found() -> None:
    def fails(event: dict[str, Any]) -> dict[str, Any] | None:
        if event.get("job") != "last" or event["event"] == "attempt.finished":
            return event if event.get("job") != "last" else None
        failed = {"status": "failed", "attempts": 0}
        return None if event["event"] == "attempt.started" else {**event, **failed}

    assert "status: `last` ends as failed without such an attempt" in broken_rules(
        world(["a"], condition=LEFT_OUT), fails
    )


@pytest.mark.parametrize(("default", "end"), [(None, "skipped"), ("[]", "left_out"), ("{}", "failed")])
def test_a_placeholder_that_ended_before_a_resume_stood_for_each_of_its_cells(default: str | None, end: str) -> None:
    allowed: dict[str, Any] = {"allow_failure": default is not None}
    made = World.started(
        job("source", spec={"outputs": {"list": OutputSpec("json", default)}}, **allowed),
        job("test[s=*]", workflow="test", needs="source", run_matrix=MATRIX, **allowed),
        job("pack[s=*]", workflow="pack", needs="test[s=*]", run_matrix=RunMatrix(like="test"), chosen_cells=CHAIN),
        job("first", needs="test[s=*]", chosen_cells=(CellChoice("test", {"s": "a"}),)),
        job("all", needs="pack[s=*]"),
    )
    made.end("source", Verdict.FAILED)
    assert made.states["test[s=*]"] == end
    assert broken_rules(made) == []
    made.end("all") if made.running else None
    made.crash()
    made.act()
    made.end("source", outputs={"list": '["a", "b"]'})
    while running := made.running:
        made.end(running[0])
    assert broken_rules(made) == []
    assert made.states["pack[s=b]"] == made.states["first"] == "succeeded"
