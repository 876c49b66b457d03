"""The driver and a job cache: checks and what follows a success are answered through the inbox, or never."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Mapping, Sequence

from support.driving import FAILURE, SUCCESS, Stage, told
from support.worlds import job, plan

from orchestrator.engine.commands import Check
from orchestrator.engine.job_table import JobTable
from orchestrator.engine.states import Verdict
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.job_cache import Checked, CheckResult, Collected, JobCache, Remark
from orchestrator.execute.messages import Message, SignalReceived
from orchestrator.plan.model import Plan, RetryPolicy

INTERRUPT = SignalReceived(signal.SIGINT)
CACHED = CheckResult("f1", "kept", "earlier", {"number": "1"}, 2)
MUST_RUN = CheckResult("f2", because=("a.c changed",))


class FakeCache(JobCache):
    """`answers` has the result of the check of each job, by its index; one without an answer is never answered. Those
    `at_once` are answered by the call itself."""

    def __init__(self, answers: Mapping[int, CheckResult | None], at_once: Collection[int] = ()) -> None:
        self.answers = answers
        self.at_once = at_once
        self.ends: dict[int, AttemptResult | None] = {}  # of what is collected: None is never answered
        self.refusals: dict[int, str] = {}
        self.done: list[str] = []
        self.attempts = 0
        self.put: Callable[[Message], None] = lambda message: None

    def check(
        self, command: Check, table: JobTable, values_of: Callable[[int], Mapping[str, str]]
    ) -> CheckResult | None:
        self.done.append(f"check {command.job}")
        answer = self.answers.get(command.job)
        if command.job in self.at_once:
            return answer
        if answer is not None:
            self.put(Checked(command.job, answer))
        return None

    def attempt_starts(self, job: int) -> Sequence[Remark]:
        self.attempts += 1
        return ()

    def refusal(self, job: int) -> str:
        return self.refusals.get(job, "")

    def collect(self, spec: AttemptSpec, result: AttemptResult) -> bool:
        if spec.job not in self.ends or result.verdict is not Verdict.SUCCEEDED:
            return False
        self.done.append(f"collect {spec.job}")
        end = self.ends[spec.job]
        if end is not None:
            self.put(Collected(spec, end, (("a remark", "why"),)))
        return True

    def hurry(self, job: int) -> None:
        self.done.append(f"hurry {job}")

    def release(self, job: int) -> None:
        self.done.append(f"release {job}")

    def close(self) -> None:
        self.done.append("close")


def staged(
    drawn: Plan,
    answers: Mapping[int, CheckResult | None],
    act: Callable[[AttemptSpec], AttemptResult | None] = lambda spec: SUCCESS,
    *,
    fails: frozenset[int] = frozenset(),
    at_once: Collection[int] = (),
) -> tuple[Stage, FakeCache]:
    cache = FakeCache(answers, at_once)
    stage = Stage(drawn, act, cache=cache, fails=fails)
    cache.put = stage.inbox.put
    return stage, cache


def test_what_is_up_to_date_is_not_started_and_its_values_are_handed_on() -> None:
    stage, cache = staged(plan(job("a", inputs=()), job("b", needs="a", inputs=())), {0: CACHED, 1: MUST_RUN})
    stage.run()
    assert stage.told == [
        "run.started",
        "job.cached a",
        "job.finished a succeeded",
        "job.must_run b",
        "attempt.started b 1",
        "attempt.finished b 1 succeeded",
        "job.finished b succeeded",
    ]
    assert cache.done == ["check 0", "release 0", "check 1", "release 1"]
    assert cache.attempts == 1
    assert stage.journal.written[1]["outputs"] == {"number": "1"}
    assert stage.journal.written[1]["files"] == 2
    assert stage.journal.written[3]["because"] == ["a.c changed"]
    assert stage.scheduler.values.of(0) == {"number": "1"}


def test_checks_that_are_answered_at_once_lead_to_the_same_events() -> None:
    drawn = plan(job("a", inputs=()), job("b", needs="a", inputs=()), job("c", needs="b", inputs=()))
    stage, cache = staged(drawn, {0: CACHED, 1: CACHED, 2: MUST_RUN}, at_once=(0, 1, 2))
    stage.run()
    assert stage.told == [
        "run.started",
        "job.cached a",
        "job.finished a succeeded",
        "job.cached b",
        "job.finished b succeeded",
        "job.must_run c",
        "attempt.started c 1",
        "attempt.finished c 1 succeeded",
        "job.finished c succeeded",
    ]
    assert stage.journal.written[1]["outputs"] == {"number": "1"}
    assert cache.done == ["check 0", "release 0", "check 1", "release 1", "check 2", "release 2"]


def test_a_signal_is_noticed_between_checks_that_are_answered_at_once() -> None:
    drawn = plan(*(job(f"j{n}", needs=f"j{n - 1}" if n else "", inputs=()) for n in range(9)))
    stage, _ = staged(drawn, dict.fromkeys(range(9), CACHED), at_once=range(9))
    stage.script.when("job.finished j3 succeeded", lambda: stage.inbox.put(INTERRUPT))
    stage.run()
    assert stage.states["j3"] == "succeeded"
    assert stage.states["j4"] == "cancelled"


def test_a_check_takes_no_slot() -> None:
    drawn = plan(job("a", inputs=()), job("b", inputs=()), job("c"), max_parallel_jobs=1)
    stage, cache = staged(drawn, {0: None, 1: CACHED})
    stage.script.when("job.finished c succeeded", lambda: cache.put(Checked(0, MUST_RUN)))
    stage.run()
    assert stage.told.index("job.finished b succeeded") < stage.told.index("attempt.started a 1")
    assert stage.told.index("job.finished c succeeded") < stage.told.index("job.must_run a")
    assert cache.done.count("check 0") == 1


def test_a_check_that_is_never_answered_does_not_delay_a_stop() -> None:
    stage, cache = staged(plan(job("a", inputs=()), job("b")), {}, lambda spec: None)
    stage.script.when("attempt.started b 1", lambda: stage.inbox.put(INTERRUPT))
    stage.run()
    assert stage.states == {"a": "cancelled", "b": "cancelled"}
    assert "release 0" in cache.done


def test_an_answer_that_comes_after_the_job_was_cancelled_changes_nothing() -> None:
    stage, cache = staged(plan(job("a", inputs=()), job("b")), {}, lambda spec: None)
    stage.script.when("attempt.started b 1", lambda: stage.inbox.put(INTERRUPT))
    stage.script.when("job.finished a cancelled", lambda: cache.put(Checked(0, CACHED)))
    stage.run()
    assert "job.cached a" not in stage.told


def test_a_job_that_cannot_start_by_its_check_fails_without_a_process() -> None:
    stage, cache = staged(plan(job("a", inputs=())), {0: MUST_RUN})
    cache.refusals[0] = "the input `a.c` does not exist"
    stage.run()
    assert stage.states == {"a": "failed"}
    assert not any(what.startswith("submit") for what in stage.done)
    assert stage.journal.written[-1]["reason"] == "the input `a.c` does not exist"


def test_without_a_cache_every_job_runs() -> None:
    stage = Stage(plan(job("a", inputs=()))).run()
    assert stage.told[1:3] == ["job.must_run a", "attempt.started a 1"]


def test_the_end_of_a_success_waits_for_its_files_and_is_a_failure_without_them() -> None:
    retry = RetryPolicy(max_attempts=2, delay=0.0)
    stage, cache = staged(plan(job("a", retry=retry), job("b", needs="a")), {})
    cache.ends = {0: FAILURE}
    stage.script.when("attempt.finished a 1 failed", lambda: cache.ends.update({0: SUCCESS}))
    stage.run()
    assert stage.states == {"a": "succeeded", "b": "succeeded"}
    assert cache.done == ["collect 0", "collect 0", "release 0", "release 1"]
    assert stage.told.count("degraded") == 2


def test_storing_that_is_never_done_does_not_delay_a_stop() -> None:
    stage, cache = staged(plan(job("a", grace=0.01)), {}, lambda spec: SUCCESS)
    stage.scheduler._last_grace = 0.01
    stage.executor.kill = lambda serial, *, force: None  # type: ignore[method-assign]  # there is no process any more
    cache.ends = {0: None}
    stage.script.when("attempt.started a 1", lambda: stage.inbox.put(INTERRUPT))
    stage.run()
    assert stage.states == {"a": "lost"}
    assert "hurry 0" in cache.done


def test_what_was_being_stored_when_the_journal_was_full_has_succeeded() -> None:
    stage, cache = staged(plan(job("a"), job("b")), {}, lambda spec: SUCCESS if spec.job == 0 else None)
    cache.ends = {0: None}
    stage.executor.at_close = AttemptResult(Verdict.LOST, "closed")
    stage.journal.fails = frozenset({2})

    def fail() -> None:
        stage.inbox.put(INTERRUPT)

    stage.script.when("attempt.started b 1", fail)
    try:
        stage.run()
    except EnvironmentFailedError:
        pass
    else:
        raise AssertionError("the journal could not grow")
    ends = [told(record) for record in stage.journal.written if record["event"] == "attempt.finished"]
    assert "attempt.finished a 1 succeeded" in ends
