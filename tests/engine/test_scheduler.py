"""What runs after what: needs, `after`, `when`, groups, answers that come late, moves that cannot be."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
from support.worlds import World, job, plan

from orchestrator.engine.commands import Launch
from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    JobFinished,
    KillSent,
    RunStarted,
)
from orchestrator.engine.job_table import IllegalMove
from orchestrator.engine.scheduler import Scheduler, replay
from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.plan.model import JobSpec, Plan, PlannedJob, Policy, When


def test_there_are_no_commands_before_the_run_started() -> None:
    scheduler = Scheduler(plan(job("a")))
    assert scheduler.decide(0.0) == []
    assert not scheduler.finished
    scheduler.check_invariants()
    scheduler.apply(RunStarted(0.0))
    assert scheduler.decide(0.0) == [Launch(0, 1)]


def test_the_tally_counts_the_jobs_in_each_state() -> None:
    world = World.started(job("a"), job("b"), job("c", needs="a"))
    world.end("b")
    counted = {state: number for state, number in world.scheduler.table.tally.items() if number}
    assert counted == {JobState.RUNNING: 1, JobState.SUCCEEDED: 1, JobState.PENDING: 1}


def test_a_run_without_jobs_is_finished_when_it_starts() -> None:
    world = World.started()
    assert world.scheduler.finished
    assert world.scheduler.result == "SUCCESS"


def test_a_job_starts_when_all_its_needs_succeeded() -> None:
    world = World.started(job("a"), job("b"), job("c", needs="a b"))
    assert world.running == ["a", "b"]
    assert world.names(world.end("b")) == []
    assert world.names(world.end("a")) == ["launch c"]
    world.end("c")
    assert world.followed == [JobFinished(number, JobState.SUCCEEDED, "", 1, False) for number in (1, 0, 2)]


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (Verdict.FAILED, "need `a` failed"),
        (Verdict.TIMED_OUT, "need `a` timed out"),
        (Verdict.KILLED, "need `a` was cancelled"),
    ],
)
def test_a_job_is_skipped_at_the_first_need_that_ends_badly_and_its_reason_names_it(
    verdict: Verdict, reason: str
) -> None:
    world = World.started(job("a"), job("b"), job("c", needs="b a"), job("d", needs="c"))
    world.end("a", verdict)
    assert world.states["b"] == "running"
    assert world.reasons == {"a": "", "c": reason, "d": "need `c` was skipped"}


def test_a_need_whose_failure_is_allowed_counts_as_met_and_is_reported_as_allowed() -> None:
    world = World.started(job("a", allow_failure=True), job("b", needs="a"))
    assert world.names(world.end("a", Verdict.FAILED, reason="exit code 1")) == ["launch b"]
    assert world.followed == [JobFinished(0, JobState.FAILED, "exit code 1", 1, True)]


def test_a_failure_handler_runs_when_all_needs_ended_and_one_of_them_failed() -> None:
    world = World.started(job("a"), job("b"), job("c", needs="a b", when=When.FAILURE))
    assert world.names(world.end("a", Verdict.FAILED)) == []
    assert world.names(world.end("b")) == ["launch c"]


def test_a_failure_handler_is_skipped_when_nothing_failed_or_what_failed_may() -> None:
    handler = job("c", needs="a b", when=When.FAILURE)
    world = World.started(job("a"), job("b", allow_failure=True), handler)
    world.end("a")
    world.end("b", Verdict.FAILED)
    assert world.reasons["c"] == "no need failed"


def test_a_skipped_or_cancelled_need_is_no_failure() -> None:
    world = World.started(job("a"), job("b", needs="a"), job("c", needs="a b", when=When.FAILURE))
    world.end("a", Verdict.KILLED)
    assert world.states == {"a": "cancelled", "b": "skipped", "c": "skipped"}


def test_an_always_job_runs_when_all_its_needs_ended_however_they_did() -> None:
    world = World.started(job("a"), job("b", needs="a"), job("c", needs="a b", when=When.ALWAYS))
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch c"]


def test_after_waits_for_an_end_whatever_it_is() -> None:
    world = World.started(job("a"), job("b", after="a"))
    assert world.running == ["a"]
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch b"]


def test_a_job_that_will_be_skipped_does_not_wait_for_the_jobs_it_is_after() -> None:
    world = World.started(
        job("a"), job("b"), job("c", needs="a", after="b"), job("d", needs="a", when=When.FAILURE, after="b")
    )
    world.end("a", Verdict.FAILED)
    assert world.states["c"] == "skipped"
    assert world.states["d"] == "pending"
    assert world.names(world.end("b")) == ["launch d"]


def test_a_job_that_both_needs_a_job_and_comes_after_it_is_decided_once() -> None:
    world = World.started(job("a"), job("b", needs="a", after="a"), job("c", needs="a", after="a"))
    assert world.names(world.end("a")) == ["launch b", "launch c"]
    world = World.started(job("a"), job("b", needs="a", after="a"))
    world.end("a", Verdict.FAILED)
    assert world.followed == [
        JobFinished(0, JobState.FAILED, "", 1, False),
        JobFinished(1, JobState.SKIPPED, "need `a` failed", 0, False),
    ]


def test_a_group_succeeds_with_its_needs_and_has_no_attempt() -> None:
    world = World.started(job("a"), job("all", needs="a", group=True), job("b", needs="all"))
    assert world.names(world.end("a")) == ["launch b"]
    assert world.followed[1] == JobFinished(1, JobState.SUCCEEDED, "", 0, False)


def test_a_group_is_skipped_like_any_other_job() -> None:
    world = World.started(job("a"), job("all", needs="a", group=True), job("b", needs="all"))
    world.end("a", Verdict.FAILED)
    assert world.reasons == {"a": "", "all": "need `a` failed", "b": "need `all` was skipped"}


def test_a_group_that_waits_for_nothing_succeeds_when_the_run_starts() -> None:
    world = World.started(job("all", group=True), job("more", needs="all", group=True), job("b", needs="more"))
    assert world.states == {"all": "succeeded", "more": "succeeded", "b": "running"}


def test_a_long_chain_is_skipped_in_one_step() -> None:
    chain = [job("0"), *(job(str(number), needs=str(number - 1)) for number in range(1, 2000))]
    scheduler = Scheduler(plan(*chain))
    scheduler.apply(RunStarted(0.0))
    scheduler.apply(AttemptStarted(0.0, 0, 1))
    skipped = scheduler.apply(AttemptFinished(1.0, 0, 1, Verdict.FAILED))
    assert [consequence.job for consequence in skipped] == list(range(2000))
    assert scheduler.finished


def test_a_command_that_is_not_carried_out_is_returned_again() -> None:
    world = World.started(job("a"), job("b", needs="a"))
    world.happen(AttemptFinished(0.0, 0, 1, Verdict.SUCCEEDED))
    assert world.scheduler.decide(0.0) == world.scheduler.decide(7.0) == [Launch(1, 1)]


def test_an_answer_for_an_attempt_that_is_not_the_current_one_changes_nothing() -> None:
    world = World.started(job("a"))
    before = world.scheduler.snapshot()
    assert world.happen(AttemptFinished(1.0, 0, 2, Verdict.FAILED)) == ()
    assert world.happen(KillSent(1.0, 0, 2, force=True)) == ()
    assert world.scheduler.snapshot() == before
    world.end("a")
    assert world.happen(AttemptFinished(2.0, 0, 1, Verdict.FAILED)) == ()
    assert world.states == {"a": "succeeded"}


def test_a_move_that_cannot_be_is_refused_with_the_history_of_the_job() -> None:
    world = World.started(job("a"), job("b", needs="a"))
    with pytest.raises(IllegalMove) as error:
        world.scheduler.apply(AttemptStarted(0.0, 1, 1))
    assert (
        str(error.value)
        == "job `b` cannot change from pending to running (pending, 0 attempts so far, needs `a` running)"
    )
    with pytest.raises(IllegalMove) as error:
        world.scheduler.apply(AttemptStarted(0.0, 0, 3))
    assert str(error.value) == "job `a` cannot start attempt 3 (running, 1 attempt so far)"


def test_a_fact_before_the_start_of_the_run_and_a_second_start_are_refused() -> None:
    scheduler = Scheduler(plan(job("a")))
    with pytest.raises(IllegalMove, match="CancelRequested before the run started"):
        scheduler.apply(CancelRequested(0.0, CancelReason.USER))
    scheduler.apply(RunStarted(0.0))
    with pytest.raises(IllegalMove, match="the run started twice"):
        scheduler.apply(RunStarted(0.0))


def test_replay_does_not_judge_how_an_older_engine_chose() -> None:
    gpu = (("gpu", 1),)
    crowd = plan(job("a", pools=gpu), job("b", pools=gpu), job("c"), max_parallel_jobs=1, pools={"gpu": 1})
    scheduler = replay(crowd, [RunStarted(0.0), *(AttemptStarted(0.0, number, 1) for number in (2, 1, 0))])
    assert scheduler.running == ((2, 1), (1, 1), (0, 1))
    scheduler.check_invariants()
    for number in range(3):
        scheduler.apply(AttemptFinished(1.0, number, 1, Verdict.SUCCEEDED))
    assert scheduler.finished
    scheduler.check_invariants()


@pytest.mark.parametrize("layered", [False, True])
def test_the_work_for_a_fact_does_not_grow_with_the_number_of_jobs(layered: bool) -> None:
    small, large = (lines_for_each_job(jobs, layered=layered) for jobs in (200, 4000))
    assert large < 1.1 * small


def lines_for_each_job(count: int, *, layered: bool) -> float:
    """How many lines of Python a run of `count` jobs in layers of 20 executes after its start, for each job."""
    jobs = tuple(
        PlannedJob(
            index=i,
            id=str(i),
            workflow="w",
            spec=JobSpec(run="true"),
            needs=(i - 20, i - 20 + (i + 1) % 5) if layered and i >= 40 else (),
        )
        for i in range(count)
    )
    scheduler = Scheduler(Plan("long", "pexec.yaml", "/", Policy(), jobs))
    scheduler.apply(RunStarted(0.0))
    lines = 0

    def count_line(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return count_line

    before = sys.gettrace()
    sys.settrace(count_line)
    try:
        while not scheduler.finished:
            for command in scheduler.decide(0.0):
                assert isinstance(command, Launch)
                scheduler.apply(AttemptStarted(0.0, command.job, command.attempt))
            scheduler.next_wakeup()
            scheduler.apply(AttemptFinished(0.0, *scheduler.running[0], Verdict.SUCCEEDED))
    finally:
        sys.settrace(before)
    return lines / count
