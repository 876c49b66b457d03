"""How a run is stopped, by whom, and how each attempt is brought to its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.worlds import World, job

from orchestrator.engine.commands import Cancel, Launch
from orchestrator.engine.facts import AttemptFinished, CancelRequested, KillSent
from orchestrator.engine.states import CancelReason, Verdict
from orchestrator.plan.model import FailFast, RetryPolicy, When
from orchestrator.plan.policy_parts import ClusterPolicy

ALWAYS = When.ALWAYS


# By the user.


def test_a_cancel_starts_nothing_new_and_terminates_what_runs() -> None:
    world = World.started(job("a"), job("b"), job("c", needs="a"), job("d", needs="c"), max_parallel_jobs=1)
    assert world.names(world.cancel()) == ["term a"]
    assert world.states == {"a": "running", "b": "cancelled", "c": "pending", "d": "pending"}
    world.end("a", Verdict.KILLED, reason="ended by SIGTERM")
    assert world.reasons == {
        "a": "the run was cancelled; ended by SIGTERM",
        "b": "the run was cancelled",
        "c": "need `a` was cancelled",
        "d": "need `c` was skipped",
    }
    assert world.scheduler.result == "CANCELLED"


def test_an_attempt_that_was_terminated_may_still_succeed_and_its_dependents_are_cancelled() -> None:
    world = World.started(job("a"), job("b", needs="a"))
    world.cancel()
    world.end("a", Verdict.SUCCEEDED)
    assert world.states == {"a": "succeeded", "b": "cancelled"}


@pytest.mark.parametrize(("verdict", "state"), [(Verdict.FAILED, "failed"), (Verdict.TIMED_OUT, "timed_out")])
def test_an_attempt_that_was_terminated_keeps_its_status_and_is_not_retried(verdict: Verdict, state: str) -> None:
    world = World.started(job("a", retry=RetryPolicy(max_attempts=5)))
    world.cancel()
    world.end("a", verdict)
    assert world.states == {"a": state}


def test_a_stop_does_not_touch_a_group_whose_needs_all_succeeded() -> None:
    world = World.started(job("a"), job("all", needs="a", group=True), job("b", needs="all"))
    world.cancel()
    world.end("a")
    assert world.states == {"a": "succeeded", "all": "succeeded", "b": "cancelled"}


def test_a_cancel_of_a_run_that_is_over_changes_nothing() -> None:
    world = World.started(job("a"))
    world.end("a")
    before = world.scheduler.snapshot()
    world.cancel(force=True)
    assert world.scheduler.snapshot() == before


# `when: always`.


def test_always_jobs_run_after_a_cancel_with_a_cap_on_their_time() -> None:
    last = job("c", when=ALWAYS, cleanup_timeout=7.0)
    world = World.started(job("a"), job("b", needs="a", when=ALWAYS), last, max_parallel_jobs=1)
    world.cancel()
    assert world.end("a", Verdict.KILLED) == [Launch(1, 1, 30.0)]
    assert world.end("b") == [Launch(2, 1, 7.0)]


def test_always_jobs_run_after_fail_fast_without_a_cap() -> None:
    world = World.started(job("a"), job("b", needs="a", when=ALWAYS), fail_fast=True)
    assert world.end("a", Verdict.FAILED) == [Cancel(CancelReason.FAIL_FAST), Launch(1, 1, None)]


def test_an_always_job_that_runs_when_the_user_cancels_is_left_alone_for_the_cap_and_then_terminated() -> None:
    world = World.started(job("a", when=ALWAYS, cleanup_timeout=20.0))
    assert world.cancel() == []
    assert world.scheduler.next_wakeup() == 20.0
    assert world.wait(19.0) == []
    assert world.names(world.wait(1.0)) == ["term a"]


def test_an_always_job_that_runs_is_not_touched_by_fail_fast() -> None:
    world = World.started(job("a"), job("b", when=ALWAYS), fail_fast=True)
    world.end("a", Verdict.FAILED)
    assert world.wait(1000.0) == []


def test_an_always_job_that_fails_during_a_stop_is_not_retried_but_one_that_waits_keeps_its_next_attempt() -> None:
    twice = RetryPolicy(max_attempts=3, delay=1.0, jitter=0.0)
    world = World.started(job("a", when=ALWAYS, retry=twice), job("b", when=ALWAYS, retry=twice))
    world.end("a", Verdict.FAILED)
    world.cancel()
    world.end("b", Verdict.FAILED)
    assert world.states == {"a": "waiting", "b": "failed"}
    assert world.wait(1.0) == [Launch(0, 2, 30.0)]
    world.end("a", Verdict.FAILED)
    assert world.scheduler.finished


def test_a_forced_cancel_kills_everything_and_gives_up_always_jobs_too() -> None:
    world = World.started(job("a"), job("b", when=ALWAYS), job("c", when=ALWAYS, after="a"))
    assert world.names(world.cancel(force=True)) == ["kill a", "kill b"]
    world.end("a", Verdict.KILLED)
    world.end("b", Verdict.KILLED)
    assert world.states == {"a": "cancelled", "b": "cancelled", "c": "cancelled"}


def test_a_second_forced_cancel_takes_the_first_one_further() -> None:
    world = World.started(job("a"), job("b", needs="a", when=ALWAYS))
    assert world.names(world.cancel()) == ["term a"]
    world.end("a", Verdict.KILLED)
    assert world.running == ["b"]
    assert world.names(world.cancel(force=True)) == ["kill b"]


# The escalation.


def test_the_escalation_is_term_then_kill_after_the_grace_of_the_job_then_given_up_as_lost() -> None:
    world = World.started(job("a", grace=5.0), job("b", grace=60.0, retry=RetryPolicy(max_attempts=9)))
    assert world.names(world.cancel()) == ["term a", "term b"]
    assert world.scheduler.next_wakeup() == 5.0
    assert world.names(world.wait(5.0)) == ["kill a"]
    assert world.scheduler.next_wakeup() == 15.0
    assert world.names(world.wait(10.0)) == ["give up a"]
    assert world.states == {"a": "lost", "b": "running"}
    assert world.names(world.wait(45.0)) == ["kill b"]
    assert world.names(world.wait(10.0)) == ["give up b"]
    assert world.scheduler.finished


def test_a_second_cancel_does_not_restart_the_escalation() -> None:
    world = World.started(job("a", grace=5.0))
    world.cancel()
    world.wait(4.0)
    assert world.cancel() == []
    assert world.names(world.wait(1.0)) == ["kill a"]


def test_a_kill_that_was_not_carried_out_is_returned_again() -> None:
    world = World.started(job("a"))
    world.happen(CancelRequested(0.0, CancelReason.USER))
    assert world.names(world.scheduler.decide(0.0)) == world.names(world.scheduler.decide(3.0)) == ["term a"]
    assert world.scheduler.next_wakeup() == 0.0


def test_a_kill_that_was_not_a_command_is_still_a_fact() -> None:
    world = World.started(job("a", grace=5.0, retry=RetryPolicy(max_attempts=9)))
    world.happen(KillSent(1.0, 0, 1, force=False))
    assert world.scheduler.next_wakeup() == 6.0
    world.end("a", Verdict.FAILED)
    assert world.states == {"a": "failed"}


# One job.


def test_a_single_job_can_be_cancelled_in_every_state_and_the_others_continue() -> None:
    drafts = [job("runs"), job("ready"), job("blocked", needs="runs"), job("next", needs="ready"), job("last")]
    world = World.started(*drafts, max_parallel_jobs=1)
    assert world.names(world.cancel("runs")) == ["term runs"]
    world.cancel("ready")
    world.cancel("blocked")
    assert world.states["blocked"] == "pending", "what it needs still runs"
    assert world.names(world.end("runs", Verdict.KILLED)) == ["launch last"]
    assert world.states["blocked"] == "cancelled", "it was requested by itself, so the end of its need does not count"
    world.end("last")
    assert world.reasons == {
        "runs": "cancelled on request",
        "ready": "cancelled on request",
        "blocked": "cancelled on request",
        "next": "need `ready` was cancelled",
        "last": "",
    }
    assert world.scheduler.result == "CANCELLED"


def test_what_follows_a_cancelled_job_never_starts_while_something_upstream_of_it_runs() -> None:
    world = World.started(job("test"), job("report", needs="test"), job("teardown", needs="report", when=ALWAYS))
    assert world.cancel("report") == []
    assert world.running == ["test"]
    assert world.names(world.end("test")) == ["launch teardown"]
    assert world.states["report"] == "cancelled"


def test_a_job_that_waits_only_for_jobs_it_comes_after_is_cancelled_at_once() -> None:
    world = World.started(job("a"), job("b"), job("c", needs="a", after="b"))
    world.end("a")
    world.cancel("c")
    assert world.states == {"a": "succeeded", "b": "running", "c": "cancelled"}


def test_a_group_can_be_cancelled_before_its_needs_have_ended() -> None:
    world = World.started(job("a"), job("all", needs="a", group=True))
    world.cancel("all")
    world.cancel("all")
    world.end("a")
    assert world.reasons == {"a": "", "all": "cancelled on request"}


def test_a_resume_forgets_that_a_pending_job_was_cancelled() -> None:
    world = World.started(job("a"), job("b", needs="a"))
    world.cancel("b")
    world.crash()
    world.act()
    assert world.names(world.end("a")) == ["launch b"]


def test_a_job_that_waits_for_its_next_attempt_can_be_cancelled() -> None:
    world = World.started(job("a", retry=RetryPolicy(max_attempts=2)), job("b", needs="a"))
    world.end("a", Verdict.FAILED)
    world.cancel("a")
    assert world.reasons["a"] == "cancelled on request while waiting for attempt 2"
    assert world.scheduler.finished


def test_a_forced_cancel_of_one_job_kills_it_also_when_it_is_an_always_job() -> None:
    world = World.started(job("a", when=ALWAYS))
    assert world.names(world.cancel("a")) == ["term a"]
    assert world.names(world.cancel("a", force=True)) == ["kill a"]


# Fail-fast.


def test_without_fail_fast_the_other_branches_finish() -> None:
    world = World.started(job("a"), job("b"), job("c", needs="b"), max_parallel_jobs=1)
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch b"]
    world.end("b")
    world.end("c")
    assert world.states == {"a": "failed", "b": "succeeded", "c": "succeeded"}
    assert world.scheduler.result == "FAILED"


def test_fail_fast_requests_the_stop_first_and_launches_nothing_with_it() -> None:
    world = World.started(job("a"), job("b"), job("c"), max_parallel_jobs=2, fail_fast=True)
    world.happen(AttemptFinished(0.0, 0, 1, Verdict.FAILED))
    assert world.scheduler.decide(0.0) == [Cancel(CancelReason.FAIL_FAST)]
    assert world.names(world.act()) == ["cancel fail_fast", "term b"]
    world.end("b", Verdict.KILLED)
    assert world.reasons == {"a": "", "b": "fail-fast: `a` failed", "c": "fail-fast: `a` failed"}
    assert world.scheduler.result == "FAILED"


def test_fail_fast_as_drain_lets_running_attempts_finish_but_not_be_retried() -> None:
    again = RetryPolicy(max_attempts=9)
    drafts = [job("a"), job("b", retry=again), job("c"), job("d", needs="c")]
    world = World.started(*drafts, fail_fast="drain", max_parallel_jobs=3)
    assert world.names(world.end("a", Verdict.TIMED_OUT)) == ["cancel fail_fast"]
    assert world.scheduler.next_wakeup() is None
    world.end("b", Verdict.FAILED)
    world.end("c")
    assert world.states == {"a": "timed_out", "b": "failed", "c": "succeeded", "d": "cancelled"}
    assert world.reasons["d"] == "fail-fast: `a` timed out"


def test_a_user_who_cancels_a_draining_run_ends_its_attempts_too_and_decides_its_result() -> None:
    world = World.started(job("a"), job("b"), fail_fast="drain")
    world.end("a", Verdict.FAILED)
    assert world.names(world.cancel()) == ["term b"]
    world.end("b", Verdict.KILLED)
    assert world.reasons["b"] == "the run was cancelled"
    assert world.scheduler.result == "CANCELLED"


@pytest.mark.parametrize("fail_fast", [False, "drain", True])
def test_an_allowed_failure_or_a_retry_or_a_cancelled_job_is_no_reason_to_fail_fast(fail_fast: FailFast) -> None:
    drafts = [job("a", allow_failure=True), job("b", retry=RetryPolicy(max_attempts=2)), job("c"), job("d")]
    world = World.started(*drafts, fail_fast=fail_fast)
    world.end("a", Verdict.FAILED)
    world.end("b", Verdict.FAILED)
    world.end("c", Verdict.KILLED)
    assert world.scheduler.stop is None
    assert world.running == ["d"]


# The deadline.


def test_the_deadline_stops_the_run_and_is_known_before_it_comes() -> None:
    world = World.started(job("a"), job("b", needs="a"), timeout=60.0)
    assert world.scheduler.next_wakeup() == 60.0
    assert world.wait(59.0) == []
    assert world.names(world.wait(1.0)) == ["cancel deadline", "term a"]
    world.end("a", Verdict.KILLED)
    assert world.reasons == {"a": "the run's deadline of 60 s passed", "b": "need `a` was cancelled"}
    assert world.scheduler.result == "CANCELLED"


def test_the_deadline_ends_a_run_that_drains() -> None:
    world = World.started(job("a"), job("b"), timeout=60.0, fail_fast="drain")
    world.end("a", Verdict.FAILED)
    assert world.names(world.wait(60.0)) == ["cancel deadline", "term b"]


def test_a_run_that_the_user_stopped_has_no_deadline_any_more() -> None:
    world = World.started(job("a", when=ALWAYS), timeout=10.0)
    world.cancel()
    assert world.wait(10.0) == []
    assert world.scheduler.stop is not None
    assert world.scheduler.stop.reason is CancelReason.USER


def test_on_a_cluster_an_attempt_is_given_up_only_when_the_lease_of_its_worker_must_have_ended_it() -> None:
    for lease, seconds in ((2.0, 10.0), (20.0, 25.0)):
        world = World.started(job("a", grace=5.0), cluster=ClusterPolicy("pair", 2, 1, lease=lease))
        assert world.names(world.cancel(force=True)) == ["kill a"]
        assert world.scheduler.next_wakeup() == seconds
        assert world.names(world.wait(seconds)) == ["give up a"]


def test_of_the_deadline_and_the_user_the_first_is_the_reason_and_both_go_before_fail_fast() -> None:
    world = World.started(job("a"), job("b"), timeout=10.0, fail_fast="drain")
    happenings: tuple[Callable[[], object], ...] = (
        lambda: world.end("a", Verdict.FAILED),
        lambda: world.wait(10.0),
        lambda: world.cancel(),
    )
    reasons = []
    for happen in happenings:
        happen()
        assert world.scheduler.stop is not None
        reasons.append(world.scheduler.stop.reason)
    assert reasons == [CancelReason.FAIL_FAST, CancelReason.DEADLINE, CancelReason.DEADLINE]
    world.end("b", Verdict.KILLED)
    assert world.reasons["b"] == "the run's deadline of 10 s passed"


def test_nothing_starts_in_the_moment_in_which_an_attempt_is_given_up_and_the_run_fails_fast() -> None:
    again = RetryPolicy(max_attempts=2, delay=10.0, jitter=0.0)
    world = World.started(job("deaf"), job("flaky", retry=again), fail_fast="drain")
    world.end("flaky", Verdict.FAILED)
    world.cancel("deaf", force=True)
    lost = world.wait(10.0)
    assert world.names(lost) == ["give up deaf", "cancel fail_fast"]
    assert world.states == {"deaf": "lost", "flaky": "cancelled"}
