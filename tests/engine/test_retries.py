"""Which attempts are made again, when, and how often."""

from __future__ import annotations

import pytest
from support.worlds import World, job

from orchestrator.engine.facts import RetryScheduled
from orchestrator.engine.retries import wait_seconds
from orchestrator.engine.states import Verdict
from orchestrator.plan.model import RetryPolicy

PLAIN = RetryPolicy(max_attempts=3, delay=2.0, jitter=0.0)


def test_the_delay_grows_by_the_factor_up_to_its_cap() -> None:
    policy = RetryPolicy(delay=2.0, backoff=3.0, max_delay=20.0, jitter=0.0)
    assert [wait_seconds(policy, "a", ends) for ends in (1, 2, 3, 4, 5000)] == [2.0, 6.0, 18.0, 20.0, 20.0]


def test_no_delay_is_no_wait_however_often() -> None:
    policy = RetryPolicy(delay=0.0, backoff=10.0)
    assert [wait_seconds(policy, "a", ends) for ends in (1, 5000)] == [0.0, 0.0]


def test_the_jitter_is_a_share_of_the_wait_and_depends_on_the_job_and_the_count_alone() -> None:
    policy = RetryPolicy(delay=10.0, backoff=1.0, jitter=0.5)
    waits = {(name, ends): wait_seconds(policy, name, ends) for name in "abc" for ends in (1, 2)}
    assert all(10.0 <= wait <= 15.0 for wait in waits.values())
    assert len(set(waits.values())) == 6
    assert waits["a", 1] == pytest.approx(12.22766, abs=1e-5)  # the same on every machine, or a replay would differ


def test_jitter_near_the_cap_stays_below_it_and_still_spreads() -> None:
    policy = RetryPolicy(delay=60.0, max_delay=60.0, jitter=0.1)
    waits = {wait_seconds(policy, name, 1) for name in "abcdefgh"}
    assert len(waits) == 8
    assert all(60.0 / 1.1 <= wait <= 60.0 for wait in waits)


def test_a_failed_attempt_is_retried_after_its_delay_and_the_slot_is_free_meanwhile() -> None:
    world = World.started(job("a", retry=PLAIN), job("b"), max_parallel_jobs=1)
    assert world.names(world.end("a", Verdict.FAILED, reason="exit code 1")) == ["launch b"]
    assert world.followed == [RetryScheduled(0, 2, 2.0, "exit code 1")]
    assert world.states == {"a": "waiting", "b": "running"}
    world.end("b")
    assert world.scheduler.next_wakeup() == 2.0
    assert world.names(world.wait(1.9)) == []
    assert world.names(world.wait(0.1)) == ["launch a"]


def test_a_pool_is_free_while_its_job_waits() -> None:
    gpu = (("gpu", 1),)
    world = World.started(job("a", retry=PLAIN, pools=gpu), job("b", pools=gpu), pools={"gpu": 1})
    assert world.names(world.end("a", Verdict.FAILED)) == ["launch b"]


def test_a_wakeup_does_not_repeat_itself_while_the_pool_of_a_job_is_full() -> None:
    gpu = (("gpu", 1),)
    world = World.started(job("a", retry=PLAIN, pools=gpu), job("b", pools=gpu), pools={"gpu": 1})
    world.end("a", Verdict.FAILED)
    assert world.wait(5.0) == []
    assert world.scheduler.next_wakeup() is None
    assert world.names(world.end("b")) == ["launch a"]


def test_the_attempts_of_a_job_are_at_most_what_its_policy_says() -> None:
    world = World.started(job("a", retry=PLAIN))
    for verdict in (Verdict.FAILED, Verdict.TIMED_OUT, Verdict.FAILED):
        world.end("a", verdict)
        world.wait(10.0)
    assert world.states == {"a": "failed"}
    assert world.scheduler.table.attempts[0] == 3


@pytest.mark.parametrize(
    ("verdict", "exit_code", "state"),
    [
        (Verdict.FAILED, 1, "failed"),
        (Verdict.FAILED, 75, "waiting"),
        (Verdict.TIMED_OUT, None, "timed_out"),
        (Verdict.SUCCEEDED, 0, "succeeded"),
    ],
)
def test_only_the_named_ends_are_retried(verdict: Verdict, exit_code: int | None, state: str) -> None:
    picky = RetryPolicy(max_attempts=2, on_failed=False, on_timed_out=False, on_exit=(75,))
    world = World.started(job("a", retry=picky))
    world.end("a", verdict, exit_code=exit_code)
    assert world.states == {"a": state}


def test_timeouts_and_failures_are_retried_each_by_its_own_key() -> None:
    no_time_outs = RetryPolicy(max_attempts=2, on_timed_out=False)
    world = World.started(job("a", retry=no_time_outs), job("b", retry=no_time_outs))
    world.end("a", Verdict.TIMED_OUT)
    world.end("b", Verdict.FAILED)
    assert world.states == {"a": "timed_out", "b": "waiting"}


def test_a_lost_attempt_has_two_extra_attempts_beyond_the_policy() -> None:
    world = World.started(job("a", retry=RetryPolicy(max_attempts=2)))
    for verdict in (Verdict.LOST, Verdict.FAILED, Verdict.LOST, Verdict.LOST):
        assert world.states == {"a": "running"}
        world.end("a", verdict)
        world.wait(100.0)
    assert world.states == {"a": "lost"}
    assert world.scheduler.table.attempts[0] == 4


def test_the_first_ten_evictions_cost_no_retry_and_later_ones_count_as_lost() -> None:
    world = World.started(job("a", retry=RetryPolicy(max_attempts=1, delay=1.0)))
    for _ in range(12):
        assert world.states == {"a": "running"}
        world.end("a", Verdict.LOST, evicted=True)
        world.wait(100.0)
    assert world.states == {"a": "running"}
    world.end("a", Verdict.LOST, evicted=True)
    assert world.states == {"a": "lost"}
    assert world.scheduler.table.attempts[0] == 13


def test_a_job_that_waits_when_the_run_is_stopped_is_cancelled_and_its_reason_says_so() -> None:
    world = World.started(job("a", retry=PLAIN))
    world.end("a", Verdict.FAILED)
    world.cancel()
    assert world.reasons == {"a": "the run was cancelled while waiting for attempt 2"}
    assert world.scheduler.finished


def test_a_job_that_ended_while_it_waited_is_never_due() -> None:
    world = World.started(job("a", retry=PLAIN), job("b", retry=PLAIN), max_parallel_jobs=2)
    world.end("a", Verdict.FAILED)
    world.end("b", Verdict.FAILED)
    retries = world.scheduler._retries
    retries.forget(0)
    assert retries.take_due(100.0) == [1]
    assert retries.take_due(100.0) == []
