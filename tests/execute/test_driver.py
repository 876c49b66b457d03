"""The driver: facts are written before processes are started or stopped, and every end of a run is orderly."""

from __future__ import annotations

import signal
from concurrent.futures import Future
from itertools import pairwise

import pytest
from support.driving import FAILURE, SUCCESS, Stage, told
from support.stories import DRIVER
from support.worlds import job, plan

from orchestrator.engine.facts import RunResumed
from orchestrator.engine.outcomes import RunResult
from orchestrator.engine.states import Verdict
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.attempt.spec import HERE, AttemptResult, AttemptSpec, Place
from orchestrator.execute.cleanup import cleanup_of
from orchestrator.execute.driver import LOOK_FOR_ROOM_EVERY
from orchestrator.execute.messages import (
    CancelReceived,
    Ended,
    NothingStarts,
    ShortageNoticed,
    SignalReceived,
    Spawned,
)
from orchestrator.journal.history import History
from orchestrator.plan.model import RetryPolicy, When

INTERRUPT = SignalReceived(signal.SIGINT)


def wait(spec: AttemptSpec) -> None:
    """An attempt that runs until it is killed."""


def test_commands_of_one_wakeup_are_journalled_by_one_write_and_then_started() -> None:
    stage = Stage(plan(job("a"), job("b"), job("c", needs="a b"))).run()
    assert stage.done == [
        "write: run.started, attempt.started a 1, attempt.started b 1",
        "submit a 1",
        "submit b 1",
        "write: attempt.finished a 1 succeeded, job.finished a succeeded, attempt.finished b 1 succeeded, "
        "job.finished b succeeded, attempt.started c 1",
        "submit c 1",
        "write: attempt.finished c 1 succeeded, job.finished c succeeded",
    ]


def test_no_attempt_is_killed_before_that_is_journalled() -> None:
    stage = Stage(plan(job("a")), wait)
    stage.script.when("attempt.started a 1", lambda: stage.inbox.put(INTERRUPT))
    stage.run()
    assert stage.done == [
        "write: run.started, attempt.started a 1",
        "submit a 1",
        "write: cancel.requested, kill.sent a 1",
        "term a 1",
        "write: attempt.finished a 1 killed, job.finished a cancelled",
    ]


def test_observers_see_only_what_is_written() -> None:
    stage = Stage(plan(job("a"), job("b", needs="a")))
    stage.script.when("job.finished a succeeded", lambda: stage.done.append("seen"))
    stage.run()
    written = next(n for n, what in enumerate(stage.done) if "job.finished a" in what)
    assert stage.done.index("seen") > written
    assert stage.script.seen == stage.told


def test_an_observer_that_joins_late_sees_only_later_records() -> None:
    stage = Stage(plan(job("a")))
    late: list[str] = []

    class Late:
        def on_event(self, record: object) -> None:
            late.append(stage.script.seen[-1])

    stage.driver.note("degraded", what="a", why="b")
    stage.driver.watch((Late(),))
    stage.run()
    assert (stage.script.seen[0], len(late)) == ("degraded", len(stage.told) - 1)


def test_an_attempt_that_cannot_be_ended_is_given_up_and_its_late_result_is_noted_and_changes_nothing() -> None:
    drawn = plan(job("a", grace=0.01), job("b", needs="a", when=When.ALWAYS))
    stage = Stage(drawn, lambda spec: None if spec.job_id == "a" else SUCCESS, deaf=True, last_grace=0.01)

    def answer_late() -> None:
        ((spec, _),) = stage.executor.running.values()
        stage.inbox.put(Spawned(spec, 1, 1))
        stage.inbox.put(Ended(spec, SUCCESS))

    stage.script.when("attempt.started a 1", lambda: stage.inbox.put(INTERRUPT))
    stage.script.when("job.finished a lost", answer_late)
    stage.run()
    assert stage.states == {"a": "lost", "b": "succeeded"}
    assert [what for what in stage.told if " a" in what] == [
        "attempt.started a 1",
        "kill.sent a 1",
        "kill.sent a 1",
        "attempt.finished a 1 lost",
        "job.finished a lost",
        "attempt.late a 1 succeeded",
    ]


def test_the_result_of_an_attempt_counts_once() -> None:
    stage = Stage(plan(job("a"), job("b", needs="a")), lambda spec: None if spec.job_id == "b" else SUCCESS)

    def answer_again() -> None:
        spec, future = stage.executor.running[2]
        stage.inbox.put(Ended(spec, SUCCESS))
        future.set_result(FAILURE)

    stage.script.when("attempt.started b 1", lambda: stage.inbox.put(SignalReceived(signal.SIGTERM)))
    stage.script.when("kill.sent b 1", answer_again)
    stage.executor.kill = lambda serial, *, force: None  # type: ignore[method-assign]
    stage.run()
    assert stage.states == {"a": "succeeded", "b": "succeeded"}
    assert len([what for what in stage.told if what.startswith("attempt.finished b")]) == 1
    assert not any(what.startswith("attempt.late") for what in stage.told)


def test_a_second_signal_kills_and_a_bounce_of_the_key_does_not() -> None:
    stage = Stage(plan(job("a", grace=60.0)), wait, deaf=True)

    def press_again() -> None:
        stage.inbox.put(INTERRUPT)  # a bounce
        stage.inbox.put(INTERRUPT)
        stage.inbox.put(INTERRUPT)
        stage.script.when("attempt.spawned a 1", press_well_after)
        ((spec, _),) = stage.executor.running.values()
        stage.inbox.put(Spawned(spec, 1, 1))

    def press_well_after() -> None:
        stage.clock.ahead += 0.3
        stage.executor.kill = lambda serial, *, force: stage.executor.end(serial, SUCCESS)  # type: ignore[method-assign]
        stage.inbox.put(SignalReceived(signal.SIGTERM))

    stage.script.when("attempt.started a 1", lambda: stage.inbox.put(INTERRUPT))
    stage.script.when("kill.sent a 1", press_again)
    stage.run()
    forces = [record["force"] for record in stage.journal.written if record["event"] == "cancel.requested"]
    assert forces == [False, True]
    assert [record["force"] for record in stage.journal.written if record["event"] == "kill.sent"] == [False, True]
    assert stage.driver.stop_signal is signal.SIGINT


def test_a_cancelled_job_does_not_stop_the_others() -> None:
    stage = Stage(plan(job("a"), job("b")), lambda spec: None if spec.job_id == "a" else SUCCESS)
    stage.inbox.put(CancelReceived(7))
    stage.inbox.put(CancelReceived(0))
    stage.run()
    assert stage.states == {"a": "cancelled", "b": "succeeded"}
    assert [what for what in stage.told if what.startswith("cancel")] == ["cancel.requested a"]
    assert stage.driver.stop_signal is None


def test_a_request_that_comes_again_well_after_the_first_kills() -> None:
    stage = Stage(plan(job("a", grace=60.0)), wait, deaf=True)

    def ask_again() -> None:
        stage.inbox.put(CancelReceived(None))  # two people at once
        stage.script.when("cancel.requested", ask_well_after)

    def ask_well_after() -> None:
        stage.clock.ahead += 0.3
        stage.executor.kill = lambda serial, *, force: stage.executor.end(serial, SUCCESS)  # type: ignore[method-assign]
        stage.inbox.put(CancelReceived(None))

    stage.script.when("attempt.started a 1", lambda: stage.inbox.put(CancelReceived(None)))
    stage.script.when("kill.sent a 1", ask_again)
    stage.run()
    forces = [record["force"] for record in stage.journal.written if record["event"] == "cancel.requested"]
    assert forces == [False, False, True]


def test_an_executor_that_breaks_loses_the_attempt_and_not_the_run() -> None:
    stage = Stage(plan(job("a")))
    broken: list[Future[AttemptResult]] = []

    def submit(fn: object, spec: AttemptSpec) -> Future[AttemptResult]:
        future: Future[AttemptResult] = Future()
        broken.append(future)
        match len(broken):
            case 1:
                future.set_exception(OSError("gone"))
            case 2:
                future.cancel()
            case _:
                future.set_result(SUCCESS)
        return future

    stage.executor.submit = submit  # type: ignore[method-assign]
    for words in ("retry.scheduled a 2", "retry.scheduled a 3"):
        stage.script.when(words, lambda: setattr(stage.clock, "ahead", stage.clock.ahead + 100.0))
    stage.run()
    assert [record["reason"] for record in stage.journal.written if record["event"] == "attempt.finished"] == [
        "the executor failed: OSError: gone",
        "pexec ended before it began",
        "",
    ]


def test_the_last_event_comes_after_all_others() -> None:
    stage = Stage(plan(job("a")), lambda spec: FAILURE).run()
    stage.driver.finish(result=RunResult.FAILED, exit_code=1)
    assert stage.done[-1] == "write: run.finished FAILED"


# A disk that is full.

RETRIED = RetryPolicy(max_attempts=2, delay=0.0)
DRAWN = plan(
    job("a"),
    job("b", needs="a", retry=RETRIED),
    job("c", needs="a"),
    job("d", needs="b c"),
    max_parallel_jobs=2,
)


def acts(spec: AttemptSpec) -> AttemptResult | None:
    """`b` fails at first, and `c` runs until it is killed or the second attempt of `b` has ended."""
    return FAILURE if (spec.job_id, spec.attempt) == ("b", 1) else None if spec.job_id == "c" else SUCCESS


def full_at(flushes: frozenset[int]) -> Stage:
    stage = Stage(DRAWN, acts, fails=flushes)

    def end_c() -> None:
        if 3 in stage.executor.running:
            stage.executor.end(3, SUCCESS)

    stage.script.when("attempt.started b 2", end_c)
    return stage


def flushes_of_a_whole_run() -> int:
    return full_at(frozenset()).run().journal.flushes


@pytest.mark.parametrize("room_is_left", [True, False])
def test_a_disk_that_fills_up_at_any_write_ends_the_run_in_good_order(room_is_left: bool) -> None:
    for number in range(1, flushes_of_a_whole_run() + 1):
        fails = frozenset({number} if room_is_left else range(number, 100))
        stage = full_at(fails)
        with pytest.raises(EnvironmentFailedError, match="no space left"):
            stage.run()
        assert stage.executor.running == {}
        closed = stage.done.index("close")
        assert not [what for what in stage.done[closed:] if what.startswith("submit")]
        started = {what.removeprefix("submit ") for what in stage.done if what.startswith("submit")}
        assert started <= {what.removeprefix("attempt.started ") for what in stage.told}
        if room_is_left:
            begun = [what.split()[1:3] for what in stage.told if what.startswith("attempt.started")]
            ended = [what.split()[1:3] for what in stage.told if what.startswith("attempt.finished")]
            assert sorted(begun) == sorted(ended)


@pytest.mark.parametrize("room_is_left", [True, False])
def test_such_a_run_is_resumed_without_repeating_a_success(room_is_left: bool) -> None:
    for number in range(1, flushes_of_a_whole_run() + 1):
        fails = frozenset({number} if room_is_left else range(number, 100))
        stage = full_at(fails)
        with pytest.raises(EnvironmentFailedError):
            stage.run()
        if not stage.journal.written:
            continue
        history = History(DRAWN)
        for record in stage.journal.written:
            history.add(record)
        succeeded = {record["job"] for record in stage.journal.written if record.get("verdict") == "succeeded"}
        assert succeeded == {name for name, state in states_of(history).items() if state == "succeeded"}
        second = Stage(DRAWN, scheduler=history.scheduler)
        second.driver.record(RunResumed(history.at), **DRIVER, max_parallel_jobs=2)
        second.driver.run()
        assert set(second.states.values()) == {"succeeded"}
        assert not succeeded & {what.split()[1] for what in second.done if what.startswith("submit")}


def states_of(history: History) -> dict[str, str]:
    return {one.id: history.scheduler.table.states[one.index].value for one in DRAWN.jobs}


def test_results_that_come_while_everything_is_ended_are_not_lost() -> None:
    stage = Stage(plan(job("a"), job("b")), lambda spec: None if spec.job_id == "b" else SUCCESS, fails=frozenset({2}))
    stage.executor.at_close = SUCCESS
    with pytest.raises(EnvironmentFailedError):
        stage.run()
    verdicts = {record["job"]: record["verdict"] for record in stage.journal.written if "verdict" in record}
    assert verdicts == {"a": Verdict.SUCCEEDED, "b": Verdict.SUCCEEDED}


def test_after_a_shortage_the_executor_looks_for_room_now_and_then() -> None:
    """Also while no job starts or ends."""
    stage = Stage(plan(job("a")), wait)
    stage.script.when("attempt.started a 1", lambda: stage.inbox.put(ShortageNoticed("no more threads")))
    looked: list[float] = []

    def look() -> None:
        looked.append(stage.clock.now())
        stage.clock.ahead += LOOK_FOR_ROOM_EVERY
        if len(looked) == 3:
            stage.executor.end(1, SUCCESS)

    stage.look_for_room = look
    stage.run()
    assert len(looked) >= 3
    assert min(after - before for before, after in pairwise(looked)) >= LOOK_FOR_ROOM_EVERY


def test_where_no_job_can_start_the_run_ends_without_a_verdict_and_is_resumed_later() -> None:
    drawn = plan(job("a"), job("b"), job("c", needs="a"))
    stage = Stage(drawn, wait)

    def give_up() -> None:
        stage.inbox.put(NothingStarts("no more processes can be started"))
        stage.executor.end(1, AttemptResult(Verdict.LOST, "no process can be started"))
        stage.executor.end(2, SUCCESS)

    stage.script.when("attempt.started b 1", give_up)
    with pytest.raises(EnvironmentFailedError, match="no job can be started: no more processes can be started"):
        stage.run()
    assert stage.told == [
        "run.started", "attempt.started a 1", "attempt.started b 1",
        "attempt.finished a 1 lost", "attempt.finished b 1 succeeded",
    ]  # fmt: skip
    history = History(drawn)
    for record in stage.journal.written:
        history.add(record)
    second = Stage(drawn, scheduler=history.scheduler)
    second.driver.record(RunResumed(history.at), **DRIVER, max_parallel_jobs=2)
    second.driver.run()
    assert set(second.states.values()) == {"succeeded"}
    assert "submit b 2" not in second.done


def test_the_journal_says_where_an_attempt_and_its_process_are_and_the_cleanup_runs_there_too() -> None:
    stage = Stage(plan(job("a"), job("b")), lambda spec: None)
    stage.places[1] = Place("node-7", "w1")
    specs: list[AttemptSpec] = []

    def spawn_and_end(serial: int) -> None:
        spec, _ = stage.executor.running[serial]
        specs.append(spec)
        stage.inbox.put(Spawned(spec, 4711, 5))
        stage.executor.end(serial, SUCCESS)

    stage.script.when("attempt.started a 1", lambda: spawn_and_end(1))
    stage.script.when("attempt.started b 1", lambda: spawn_and_end(2))
    stage.run()
    places = {
        told(record): (record["host"], record["worker"]) for record in stage.journal.written if "worker" in record
    }
    assert places == {
        "attempt.started a 1": ("", None),
        "attempt.started b 1": ("node-7", "w1"),
        "attempt.spawned a 1": ("", None),
        "attempt.spawned b 1": ("node-7", "w1"),
    }
    assert [spec.place for spec in specs] == [HERE, Place("node-7", "w1")]
    assert cleanup_of(specs[1], 4).place == Place("node-7", "w1")
