"""Jobs that may be up to date are checked once they could start, and take nothing while that lasts."""

from __future__ import annotations

import pytest
from support.worlds import World, job, plan

from orchestrator.engine.checks import AT_ONCE
from orchestrator.engine.facts import AttemptStarted, JobCached, JobMustRun
from orchestrator.engine.job_table import IllegalMove
from orchestrator.engine.states import Verdict
from orchestrator.plan.condition_model import RunCondition
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.model import RetryPolicy, When
from orchestrator.plan.run_matrix import RunAxis, RunMatrix


def slow(*drafts: object, **policy: object) -> World:
    """A started run whose checks are answered by the test."""
    world = World(plan(*drafts, **policy))  # type: ignore[arg-type]
    world.checks_take_time = True
    world.begin()
    world.act()
    return world


def test_a_job_with_inputs_is_checked_first_and_starts_only_if_it_must_run() -> None:
    world = World(plan(job("a", inputs=()), job("b", needs="a", inputs=())))
    world.up_to_date = {0}
    world.begin()
    assert world.names(world.act()) == ["check a", "check b", "launch b"]
    assert world.states == {"a": "succeeded", "b": "running"}
    assert world.reasons == {"a": "up to date"}


def test_a_check_takes_neither_slot_nor_pool() -> None:
    drawn = (job("a", inputs=(), pools=(("gpu", 1),)), job("b", pools=(("gpu", 1),)))
    world = slow(*drawn, max_parallel_jobs=1, pools={"gpu": 1})
    assert world.states == {"a": "ready", "b": "running"}
    world.answer_check(0, up_to_date=False)
    assert world.act() == []
    assert world.names(world.end("b")) == ["launch a"]


def test_a_job_is_checked_after_its_needs_have_ended_and_once() -> None:
    retry = RetryPolicy(max_attempts=2, delay=0.0)
    world = World.started(job("a"), job("b", needs="a", inputs=(), retry=retry))
    assert world.names(world.end("a")) == ["check b", "launch b"]
    assert world.names(world.end("b", Verdict.FAILED)) == ["launch b"]


@pytest.mark.parametrize("when", [When.SUCCESS, When.ALWAYS])
def test_behind_a_need_that_did_not_succeed_nothing_is_checked(when: When) -> None:
    needs = (job("a", allow_failure=True), job("g", needs="a", group=True))
    world = World.started(*needs, job("b", needs="g", inputs=(), when=when))
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch b"]


def test_what_handles_failures_and_what_is_not_cached_is_not_checked() -> None:
    drawn = (job("a"), job("b", needs="a", inputs=(), when=When.FAILURE), job("c", inputs=(), spec={"cache": False}))
    world = World.started(*drawn)
    assert world.running == ["a", "c"]
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch b"]


def test_a_stop_cancels_what_is_being_checked_but_not_what_always_runs() -> None:
    world = slow(job("a", inputs=()), job("b", inputs=(), when=When.ALWAYS))
    world.cancel()
    assert world.states == {"a": "cancelled", "b": "ready"}
    world.answer_check(1, up_to_date=False)
    assert world.names(world.act()) == ["launch b"]


def test_one_job_can_be_cancelled_while_it_is_checked() -> None:
    world = slow(job("a", inputs=()), job("b", needs="a"))
    world.cancel("a")
    assert world.states == {"a": "cancelled", "b": "skipped"}


def test_a_resume_checks_again() -> None:
    world = slow(job("a", inputs=()))
    world.answer_check(0, up_to_date=False)
    world.act()
    world.crash()
    assert world.states == {"a": "ready"}
    world.checks_take_time = False
    assert world.names(world.act()) == ["check a", "launch a"]


def test_only_so_many_checks_are_commanded_at_a_time() -> None:
    world = slow(*(job(f"j{number}", inputs=()) for number in range(AT_ONCE + 3)))
    assert len(world.scheduler.decide(0.0)) == AT_ONCE
    world.answer_check(0, up_to_date=True)
    assert [command.job for command in world.scheduler.decide(0.0)] == list(range(1, AT_ONCE + 1))


def test_only_what_is_ready_can_be_checked_and_an_old_journal_need_not_have_checked_it() -> None:
    world = slow(job("a", inputs=()), job("b", needs="a", inputs=()))
    for fact in (JobCached(0.0, 1), JobMustRun(0.0, 1)):
        with pytest.raises(IllegalMove, match="job `b` cannot be checked"):
            world.scheduler.apply(fact)
    world.scheduler.apply(AttemptStarted(0.0, 0, 1))
    assert list(world.scheduler.checks) == []


def test_the_needs_of_a_job_that_was_left_out_take_its_place() -> None:
    condition = RunCondition({"needs.a.status": ("failed",)})
    drawn = (job("a", allow_failure=True), job("x", needs="a", condition=condition), job("b", needs="x", inputs=()))
    world = World.started(*drawn)
    assert world.names(world.end("a")) == ["check b", "launch b"]
    world = World.started(*drawn)
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch x"]
    never = RunCondition({"needs.a.status": ("lost",)})
    world = World.started(drawn[0], job("x", needs="a", condition=never), drawn[2])
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch b"], (
        "what it would be compared with may be different"
    )


def test_the_jobs_of_a_growing_matrix_and_what_needs_them_are_checked() -> None:
    world = World.started(
        job("source", spec={"outputs": {"list": OutputSpec("json")}}),
        job(
            "grown[s=*]",
            workflow="grown",
            needs="source",
            inputs=(),
            run_matrix=RunMatrix((RunAxis("s", workflow="source", output="list"),)),
        ),
        job("all", needs="grown[s=*]", inputs=()),
    )
    world.checks_take_time = True
    world.end("source", outputs={"list": '["a", "b"]'})
    assert [world.jobs[number].id for number in world.scheduler.checks] == ["grown[s=a]", "grown[s=b]"]
    world.answer_check(3, up_to_date=True)
    world.answer_check(4, up_to_date=False)
    world.act()
    assert world.running == ["grown[s=b]"]
    world.end("grown[s=b]")
    assert [world.jobs[number].id for number in world.scheduler.checks] == ["all"]


def test_what_needs_a_job_of_a_growing_matrix_that_failed_is_not_checked() -> None:
    matrix = RunMatrix((RunAxis("s", workflow="source", output="list"),))
    world = World.started(
        job("source", spec={"outputs": {"list": OutputSpec("json")}}),
        job("grown[s=*]", workflow="grown", needs="source", allow_failure=True, run_matrix=matrix),
        job("all", needs="grown[s=*]", inputs=()),
    )
    world.checks_take_time = True
    world.end("source", outputs={"list": '["a"]'})
    world.end("grown[s=a]", Verdict.FAILED)
    assert world.running == ["all"]
