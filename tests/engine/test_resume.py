"""A run that continues after a crash, an interrupt or a failure, and one that reuses the successes of another."""

from __future__ import annotations

import pytest
from support.worlds import World, job, plan

from orchestrator.engine.commands import Launch
from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    Fact,
    JobAdopted,
    JobFinished,
    RunResumed,
    RunStarted,
)
from orchestrator.engine.job_table import IllegalMove
from orchestrator.engine.replay import replay
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import JobState, Verdict
from orchestrator.plan.model import RetryPolicy, When


def test_a_resume_starts_everything_over_but_the_successes() -> None:
    drafts = [job("a"), job("b"), job("c", needs="b"), job("d"), job("e", needs="a", when=When.FAILURE)]
    world = World.started(*drafts)
    world.end("a")
    world.end("b", Verdict.FAILED)
    assert world.states == {"a": "succeeded", "b": "failed", "c": "skipped", "d": "running", "e": "skipped"}
    world.crash()
    assert world.states == {"a": "succeeded", "b": "ready", "c": "pending", "d": "ready", "e": "skipped"}


def test_attempt_numbers_continue_after_a_resume_and_the_budget_is_fresh() -> None:
    world = World.started(job("a", retry=RetryPolicy(max_attempts=2, delay=0.0)))
    world.end("a", Verdict.FAILED)
    world.end("a", Verdict.FAILED)
    assert world.states == {"a": "failed"}
    world.crash()
    assert world.act() == [Launch(0, 3)]
    world.end("a", Verdict.FAILED)
    assert world.running == ["a"]
    assert world.scheduler.table.attempts[0] == 4


def test_an_answer_from_before_the_crash_comes_too_late() -> None:
    world = World.started(job("a"))
    world.crash()
    world.happen(AttemptFinished(1.0, 0, 1, Verdict.SUCCEEDED))
    assert world.states == {"a": "ready"}


def test_a_crash_frees_slots_and_pools() -> None:
    gpu = (("gpu", 1),)
    world = World.started(job("a", pools=gpu), job("b", pools=gpu), pools={"gpu": 1}, max_parallel_jobs=1)
    world.crash()
    assert world.names(world.act()) == ["launch a"]


def test_a_resume_takes_back_a_stop() -> None:
    world = World.started(job("a"), job("b"), fail_fast=True, max_parallel_jobs=1)
    world.end("a", Verdict.FAILED)
    assert world.states == {"a": "failed", "b": "cancelled"}
    world.crash()
    assert world.scheduler.stop is None
    assert world.names(world.act()) == ["launch a"]
    assert world.names(world.end("a")) == ["launch b"]
    world.end("b")
    assert world.scheduler.result == "SUCCESS"


def test_the_deadline_of_a_resumed_run_counts_from_the_resume() -> None:
    world = World.started(job("a"), timeout=60.0)
    world.now = 50.0
    world.crash()
    world.act()
    assert world.scheduler.next_wakeup() == 110.0


def test_a_run_whose_jobs_all_succeeded_has_nothing_to_resume() -> None:
    world = World.started(job("a"))
    world.end("a")
    world.crash()
    assert world.scheduler.finished


def test_a_success_of_an_earlier_run_is_adopted_and_never_run() -> None:
    world = World(plan(job("a"), job("b", needs="a"), job("c", needs="b")))
    world.begin(adopted=[0, 1])
    assert world.followed == [
        JobFinished(number, JobState.SUCCEEDED, "reused from an earlier run", 0, False) for number in (0, 1)
    ]
    assert world.act() == [Launch(2, 1)]


def test_the_order_in_which_successes_are_adopted_does_not_matter() -> None:
    drafts = [job("a"), job("all", needs="a", group=True), job("b", needs="a", when=When.FAILURE)]
    worlds = [World(plan(*drafts)) for _ in range(2)]
    worlds[0].begin(adopted=[0, 1])
    worlds[1].begin(adopted=[1, 0])
    assert worlds[0].states == worlds[1].states == {"a": "succeeded", "all": "succeeded", "b": "skipped"}


def test_an_adoption_of_a_job_that_has_ended_already_changes_nothing() -> None:
    world = World(plan(job("a"), job("b", needs="a", when=When.FAILURE)))
    world.begin(adopted=[0])
    assert world.happen(JobAdopted(0.0, 1)) == ()
    assert world.states == {"a": "succeeded", "b": "skipped"}


def test_a_job_that_runs_cannot_be_adopted() -> None:
    world = World.started(job("a"))
    with pytest.raises(IllegalMove, match="job `a` cannot be adopted"):
        world.scheduler.apply(JobAdopted(0.0, 0))


def test_an_attempt_that_was_recorded_but_never_ran_is_retried_by_the_resume() -> None:
    journal: list[Fact] = [RunStarted(0.0), AttemptStarted(0.0, 0, 1), RunResumed(5.0)]
    scheduler = replay(plan(job("a")), journal)
    assert scheduler.decide(5.0) == [Launch(0, 2)]


def test_a_replay_yields_the_same_consequences_so_that_missing_ones_can_be_written() -> None:
    world = World.started(job("a"), job("b", needs="a"), job("c", needs="b"))
    world.end("a", Verdict.FAILED)
    again = Scheduler(world.plan)
    assert [consequence for fact in world.facts for consequence in again.apply(fact)] == world.followed
