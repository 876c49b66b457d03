"""Fail-fast inside a matrix: the other jobs of the workflow are cancelled, and no others."""

from __future__ import annotations

from typing import Any

from support.worlds import Draft, World, job

from orchestrator.engine.facts import AttemptFinished
from orchestrator.engine.replay import replay
from orchestrator.engine.states import Verdict
from orchestrator.plan.model import RetryPolicy


def cell(name: str, **rest: Any) -> Draft:
    return job(name, workflow="test", matrix_fail_fast=True, **rest)


def test_a_failure_cancels_the_other_cells_in_every_state() -> None:
    world = World.started(
        job("lint"),
        cell("failing"),
        cell("running"),
        cell("waiting", retry=RetryPolicy(max_attempts=2, delay=9.0)),
        cell("pending", needs="lint"),
        cell("done"),
        job("next", needs="running"),
    )
    world.end("done")
    world.end("waiting", Verdict.FAILED)
    done = world.end("failing", Verdict.FAILED)
    assert world.names(done) == ["cancel running", "cancel waiting", "cancel pending", "term running"]
    world.end("running", Verdict.KILLED, reason="stopped on request")
    assert world.states == {
        "lint": "running",
        "failing": "failed",
        "running": "cancelled",
        "waiting": "cancelled",
        "pending": "pending",
        "done": "succeeded",
        "next": "skipped",
    }
    assert world.reasons["running"] == "fail-fast: `failing` failed"
    assert world.reasons["waiting"] == "fail-fast: `failing` failed while waiting for attempt 2"
    assert world.states["pending"] == "pending", "its need still runs"
    world.end("lint")
    assert world.states["pending"] == "cancelled"
    assert world.reasons["pending"] == "fail-fast: `failing` failed"
    assert world.scheduler.result == "FAILED"


def test_a_failure_that_is_retried_or_allowed_cancels_nothing() -> None:
    again = RetryPolicy(max_attempts=2, delay=0.0)
    world = World.started(cell("a", retry=again), cell("b", allow_failure=True), cell("c"))
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch a"]
    assert world.names(world.end("b", Verdict.FAILED)) == []
    assert world.running == ["c", "a"]
    assert world.names(world.end("a", Verdict.TIMED_OUT)) == ["cancel c", "term c"]


def test_a_matrix_that_does_not_fail_fast_continues() -> None:
    world = World.started(job("a", workflow="test"), job("b", workflow="test"))
    assert world.end("a", Verdict.FAILED) == []


def test_only_jobs_of_the_same_matrix_are_cancelled() -> None:
    world = World.started(cell("a"), cell("b"), job("c", workflow="other", matrix_fail_fast=True), max_parallel_jobs=1)
    world.end("a", Verdict.FAILED)
    assert world.states == {"a": "failed", "b": "cancelled", "c": "running"}


def test_a_second_failure_cancels_nothing_more() -> None:
    world = World.started(cell("a"), cell("b"), cell("c"))
    world.end("a", Verdict.FAILED)
    assert world.end("b", Verdict.FAILED) == []
    assert world.states["c"] == "running"


def test_a_stop_of_the_run_goes_first_and_draining_does_not_spare_the_cells() -> None:
    world = World.started(cell("a"), cell("b"), job("c"), fail_fast="drain")
    assert world.names(world.end("a", Verdict.FAILED)) == ["cancel fail_fast", "cancel b", "term b"]
    assert world.states["c"] == "running"


def test_a_resume_forgets_the_failure() -> None:
    world = World.started(cell("a"), cell("b"))
    world.end("a", Verdict.FAILED)
    world.crash()
    world.act()
    assert world.running == ["a", "b"]
    assert world.names(world.end("b", Verdict.FAILED)) == ["cancel a", "term a"]


def test_a_crash_before_the_cancel_is_recorded_changes_nothing() -> None:
    world = World.started(cell("a"), cell("b"))
    world.happen(AttemptFinished(world.now, 0, 1, Verdict.FAILED))
    reborn = replay(world.plan, world.facts)
    assert reborn.decide(world.now) == world.scheduler.decide(world.now) != []
