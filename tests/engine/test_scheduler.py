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
from orchestrator.engine.replay import replay
from orchestrator.engine.scheduler import Scheduler
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
def test_a_job_is_skipped_when_its_last_need_has_ended_and_the_reason_names_the_bad_one(
    verdict: Verdict, reason: str
) -> None:
    world = World.started(job("a"), job("b"), job("c", needs="b a"))
    world.end("a", verdict)
    assert world.states == {"a": world.states["a"], "b": "running", "c": "pending"}
    world.end("b")
    assert world.reasons == {"a": "", "b": "", "c": reason}


def test_what_runs_after_failures_waits_for_everything_upstream_of_the_jobs_that_will_be_skipped() -> None:
    world = World.started(
        job("up"),
        job("test-a", needs="up"),
        job("test-b", needs="up"),
        job("report", needs="test-a test-b"),
        job("down", needs="report", when=When.ALWAYS),
        job("alert", needs="report", when=When.FAILURE),
    )
    world.end("up")
    assert world.names(world.end("test-a", Verdict.FAILED)) == []
    assert world.states["report"] == "pending"
    assert world.names(world.end("test-b")) == ["launch down", "launch alert"]
    assert world.reasons["report"] == "need `test-a` failed"


def test_the_reason_of_a_skip_names_the_job_that_failed_first_at_any_distance() -> None:
    world = World.started(
        job("build"), job("test", needs="build"), job("deploy", needs="test"), job("both", needs="deploy build")
    )
    world.end("build", Verdict.TIMED_OUT)
    assert world.reasons == {
        "build": "",
        "test": "need `build` timed out",
        "deploy": "need `test` was skipped because `build` timed out",
        "both": "need `build` timed out",
    }
    world = World.started(job("a"), job("b", needs="a"), job("c", needs="b"))
    world.end("a", Verdict.KILLED)
    assert world.reasons["c"] == "need `b` was skipped", "nothing failed"


def test_after_a_resume_a_job_waits_for_ancestors_that_run_again_also_behind_a_success() -> None:
    world = World.started(
        job("test"), job("down", needs="test", when=When.ALWAYS), job("note", needs="down"), job("last", after="down")
    )
    world.end("test", Verdict.FAILED)
    world.end("down")
    world.crash()
    world.act()
    assert world.running == ["test"]
    assert world.names(world.end("test")) == ["launch note", "launch last"]
    assert world.states["down"] == "succeeded"


def test_a_reused_success_counts_for_its_dependents_once_its_needs_have_ended() -> None:
    world = World(plan(job("a"), job("b", needs="a"), job("c", needs="b")))
    world.begin(adopted=[1])
    assert world.names(world.act()) == ["launch a"]
    assert world.states == {"a": "running", "b": "succeeded", "c": "pending"}
    assert world.names(world.end("a")) == ["launch c"]


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


def test_a_failure_handler_runs_behind_skipped_needs_whose_cause_is_a_failure() -> None:
    world = World.started(
        job("build"),
        job("test", needs="build", allow_failure=True),
        job("deploy", needs="test"),
        job("alert", needs="deploy", when=When.FAILURE),
    )
    assert world.names(world.end("build", Verdict.FAILED)) == ["launch alert"]


def test_a_skip_that_has_no_failure_upstream_is_no_failure() -> None:
    world = World.started(
        job("lint", allow_failure=True),
        job("repair", needs="lint", when=When.FAILURE),
        job("again", needs="repair"),
        job("alert", needs="again", when=When.FAILURE),
    )
    world.end("lint", Verdict.FAILED)
    assert set(world.states.values()) == {"failed", "skipped"}


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
    assert world.reasons == {"a": "", "all": "need `a` failed", "b": "need `all` was skipped because `a` failed"}


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


@pytest.mark.cost
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


def test_more_launches_than_may_be_carried_out_are_given_for_a_choice_among_them_but_none_where_none_may() -> None:
    world = World(plan(*(job(name) for name in "abcd"), max_parallel_jobs=2))
    world.begin()
    assert world.names(world.scheduler.decide(0.0, 1)) == ["launch a", "launch b", "launch c"]
    world.act(2)
    assert world.scheduler.decide(0.0, 5) == []


def test_fewer_jobs_than_there_are_slots_are_looked_at_if_the_caller_has_no_room_for_more() -> None:
    scheduler = Scheduler(plan(*(job(f"j{number}") for number in range(9)), max_parallel_jobs=8))
    scheduler.apply(RunStarted(0.0))
    assert [len(scheduler.decide(0.0, beyond)) for beyond in (1, 0, -5, -8, -9)] == [9, 8, 3, 0, 0]
