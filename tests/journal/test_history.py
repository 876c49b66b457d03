"""What the process that resumes a run learns from its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any

import pytest
from support.driving import FAILURE, SUCCESS, Stage
from support.journals import nightly
from support.stories import Story, on_workers
from support.worlds import job, plan

from orchestrator.engine.facts import JobFinished, RetryScheduled
from orchestrator.engine.job_table import IllegalMove
from orchestrator.engine.states import JobState
from orchestrator.journal.events import EVENTS
from orchestrator.journal.facts_as_events import consequence_to_fields
from orchestrator.journal.history import AttemptProcess, History, PidSpace
from orchestrator.plan.model import Plan, RetryPolicy, When

FOLLOWS = ("job.finished", "retry.scheduled")


def history(of: Plan, events: Iterable[Mapping[str, Any]]) -> History:
    known = History(of)
    for event in events:
        known.add(event)
    return known


def whole_run() -> Stage:
    """A run with a retry, a failure, a skip, and a group, as a driver writes it."""
    drawn = plan(
        job("a", retry=RetryPolicy(max_attempts=2, delay=0.0)),
        job("b", needs="a"),
        job("c", needs="b"),
        job("both", needs="a b", group=True),
        job("d", needs="a"),
    )
    ends = {("a", 1): FAILURE, ("b", 1): FAILURE}
    stage = Stage(drawn, lambda spec: ends.get((spec.job_id, spec.attempt), SUCCESS)).run()
    stage.driver.finish(result=stage.scheduler.result, exit_code=1)
    return stage


def test_a_run_that_has_ended_is_known_with_its_result_and_misses_nothing() -> None:
    stage = whole_run()
    known = history(stage.plan, stage.journal.written)
    assert (known.result, known.missing, known.under_way) == ("FAILED", [], [])
    assert known.at == stage.journal.written[-1]["at"]
    assert known.scheduler.snapshot() == stage.scheduler.snapshot()


def test_what_followed_and_was_cut_off_is_known_at_every_line() -> None:
    stage = whole_run()
    written = stage.journal.written
    ids = [one.id for one in stage.plan.jobs]
    most = 0
    for length in range(1, len(written) + 1):
        missing = history(stage.plan, written[:length]).missing
        behind = list(takewhile(lambda record: record["event"] in FOLLOWS, written[length:]))
        assert [consequence_to_fields(one, ids) for one in missing] == [
            (record["event"], {name: record[name] for name in EVENTS[record["event"]] if name in record})
            for record in behind
        ]
        most = max(most, len(missing))
    assert most == 3  # `b` failed, `c` and `both` are skipped


@pytest.mark.parametrize(
    ("version", "skipped"),
    [("0.1.0", {2: "need `a` failed", 3: "no need failed"}), ("0.2.0", {})],
)
def test_what_is_missing_follows_the_rules_of_the_version_that_started_the_run(
    version: str, skipped: dict[int, str]
) -> None:
    of = plan(job("a"), job("b"), job("c", needs="a b"), job("d", needs="c", when=When.FAILURE))
    story = Story(of, version=version)
    story.start("a", 0.0)
    story.start("b", 0.0)
    story.end("a", 1.0, "failed")
    known = history(of, story.events)
    assert known.missing == [JobFinished(one, JobState.SKIPPED, reason, 0, False) for one, reason in skipped.items()]


def test_a_run_of_version_0_1_in_which_a_job_started_behind_an_early_skip_can_be_read_and_resumed() -> None:
    of = plan(job("a"), job("b"), job("c", needs="a b"), job("d", needs="c", when=When.ALWAYS))
    story = Story(of, version="0.1.0")
    story.start("a", 0.0)
    story.start("b", 0.0)
    story.end("a", 1.0, "failed")
    story.settle("c", 1.0, "skipped", "need `a` failed")
    story.start("d", 1.0)
    assert history(of, story.events).scheduler.running == ((1, 1), (3, 1))
    story.resume(4.0)
    assert history(of, story.events).scheduler.table.tally[JobState.READY] == 2
    with pytest.raises(IllegalMove):
        history(of, [{**story.events[0], "version": "0.2.0"}, *story.events[1:]])


def test_a_retry_and_an_end_are_missing_as_the_engine_tells_them() -> None:
    story = Story(plan(job("a", retry=RetryPolicy(max_attempts=2, delay=1.0, jitter=0.0)), job("b")))
    story.start("a", 0.0)
    story.end("a", 1.0, "failed", reason="exit code 1", retry_at=2.0)
    story.start("b", 1.0)
    story.end("b", 3.0)
    known = history(story.plan, story.events[:4])
    assert known.missing == [RetryScheduled(0, 2, 2.0, "exit code 1")]
    known = history(story.plan, story.events[:-1])
    assert known.missing == [JobFinished(1, JobState.SUCCEEDED, "", 1, False)]


def test_a_resume_opens_a_run_that_had_ended() -> None:
    story = Story(plan(job("a")))
    story.finish(1.0, "CANCELLED", 130)
    story.resume(1.0, pid=2, boot_id="later", max_parallel_jobs=1)
    assert history(story.plan, story.events).result is None


def test_the_processes_of_attempts_without_an_end_are_known_with_their_boot() -> None:
    story = Story(plan(job("a"), job("b"), job("c")))
    story.start("a", 0.0)
    story.start("b", 0.0)
    story.end("b", 1.0)
    story.resume(2.0, pid=2, boot_id="later", max_parallel_jobs=1)
    story.start("a", 2.0)
    story.emit("attempt.started", 2.0, job="c", attempt=1)
    known = history(story.plan, story.events)
    (process,) = known.under_way
    assert process == AttemptProcess(0, attempt=2, pid=process.pid, start_ticks=77, space=PidSpace("later", "pid:[1]"))
    assert known.scheduler.running == ((0, 2), (2, 1))


def test_what_cannot_have_happened_is_refused() -> None:
    story = Story(plan(job("a")))
    story.emit("attempt.started", 0.0, job="a", attempt=2)
    with pytest.raises(IllegalMove, match="cannot start attempt 2"):
        history(story.plan, story.events)
    story = Story(plan(job("a")))
    story.emit("attempt.started", 0.0, job="b", attempt=1)
    with pytest.raises(KeyError, match="b"):
        history(story.plan, story.events)


def test_remarks_change_nothing() -> None:
    story = nightly()
    story.emit("degraded", 9.0, what="memory", why="no cgroup")
    story.emit("journal.recovered", 9.5, cut_bytes=12)
    history = History(story.plan)
    for record in story.events:
        history.add(record)
    assert (history.at, history.result, history.missing, history.under_way) == (9.5, "FAILED", [], [])


def test_pids_count_where_the_worker_said_and_are_unknown_where_nothing_did() -> None:
    story = Story(plan(job("a"), job("b"), job("c")))
    del story.events[0]["pid_namespace"]
    story.start("a", 0.0)
    story.start("b", 0.0, host="node-7", worker="w1")
    story.join("w2", "node-8", 0.0)
    story.start("c", 0.0, host="node-8", worker="w2")
    spaces = [process.space for process in history(story.plan, story.events).under_way]
    assert spaces == [PidSpace("boot"), PidSpace(), PidSpace("boot of node-8", "pid:[1]")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("boot", "pid:[1]"), ("boot", "pid:[1]"), True),
        (("boot", "pid:[1]"), ("boot", "pid:[2]"), False),
        (("boot", "pid:[1]"), ("another", "pid:[1]"), False),
        (("", ""), ("", ""), False),
        (("boot", ""), ("boot", "pid:[1]"), None),
        (("boot", "pid:[1]"), ("boot", ""), None),
    ],
    ids=str,
)
def test_pids_mean_the_same_in_one_boot_and_namespace(
    one: tuple[str, str], other: tuple[str, str], same: bool | None
) -> None:
    assert PidSpace(*one).is_same(PidSpace(*other)) is same


def test_the_workers_that_were_there_at_the_end_are_known_and_which_of_them_had_attempts() -> None:
    story = on_workers()
    read = history(story.plan, story.events)
    assert [(one.name, one.host, one.pid, one.start_ticks, one.lease) for one in read.workers] == [
        ("w2", "node-2", 77, 5, 20.0),
        ("w3", "node-1", 77, 5, 20.0),
    ]
    assert read.workers[0].space == PidSpace("boot of node-2", "pid:[1]")
    assert read.busy_workers == {"w3"}
    story.end("test", 4.0)
    assert history(story.plan, story.events).busy_workers == set()
    story.resume(5.0, max_parallel_jobs=3)
    assert history(story.plan, story.events).workers == []


def test_the_jobs_that_a_killed_process_left_in_the_queue_are_known() -> None:
    story = Story(plan(job("a")))
    for number in ("12", "13", "14"):
        story.emit("worker.queued", 0.0, queue="slurm", queue_job=number)
    story.emit("worker.dequeued", 0.5, queue="slurm", queue_job="13")
    assert history(story.plan, story.events).queued.left == {"slurm": ["12", "14"]}
    story.resume(1.0, max_parallel_jobs=1)
    assert history(story.plan, story.events).queued.left == {}
    story.emit("worker.queued", 1.0, queue="pbs", queue_job="9")
    assert history(story.plan, story.events).queued.left == {"pbs": ["9"]}


def test_a_worker_of_an_earlier_version_is_taken_to_have_the_default_lease() -> None:
    story = Story(plan(job("a")))
    story.join("w1", "node-1", 0.0)
    del story.events[-1]["lease_seconds"]
    assert [one.lease for one in history(story.plan, story.events).workers] == [20.0]
