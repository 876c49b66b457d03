"""The files of a run against its events: logs and their sizes, results and their figures."""

from __future__ import annotations

import copy

from support.journals import nightly, rebuilt
from support.stories import Story

from orchestrator.report.fold_events import read_report
from orchestrator.report.results import results_summary
from orchestrator.report.verify.file_checks import LogCheck, results_differences
from orchestrator.report.verify.rules import Rule, Violation


def judged(story: Story, sizes: dict[str, int]) -> list[Violation]:
    judge = LogCheck(sizes.get)
    for event in story.events:
        judge.check(event)
    return judge.found


def test_a_log_that_is_missing_or_has_another_size_is_found() -> None:
    story = nightly()
    sizes = {event["log"]: 100 for event in story.events if event["event"] == "attempt.finished"}
    assert judged(story, sizes) == []
    del sizes["logs/build.1.log"]
    sizes["logs/test.1.log"] = 99
    assert judged(story, sizes) == [
        Violation(14, Rule.LOG, "the log `logs/build.1.log` of attempt 1 of `build` is missing"),
        Violation(33, Rule.LOG, "the log `logs/test.1.log` of attempt 1 of `test` has 99 bytes, expected 100"),
    ]


def test_the_log_of_a_job_that_is_up_to_date_is_compared_too_if_it_has_one() -> None:
    story = rebuilt()
    sizes = {event["log"]: 100 for event in story.events if event["event"] == "attempt.finished"}
    assert judged(story, sizes) == []
    story.events[1] |= {"log": "logs/copy.0.log", "log_bytes": 7}
    message = "the log `logs/copy.0.log` of `copy`, which is up to date, is missing"
    assert judged(story, sizes) == [Violation(2, Rule.LOG, message)]
    assert judged(story, {**sizes, "logs/copy.0.log": 7}) == []


def test_an_attempt_that_was_lost_or_never_had_a_log_needs_none() -> None:
    story = nightly()
    for event in story.events:
        event |= {"verdict": "lost"} if event["event"] == "attempt.finished" else {}
    assert judged(story, {}) == []
    for event in story.events:
        event |= {"verdict": "killed", "log_bytes": 0} if event["event"] == "attempt.finished" else {}
    assert judged(story, {}) == []


def test_results_that_differ_are_reported_place_by_place() -> None:
    story = nightly()
    wanted = results_summary(read_report(story.plan, story.events))
    found = copy.deepcopy(wanted)
    assert results_differences(wanted, found, 36) == []
    found["jobs"][1]["status"] = "FAILED"
    found["summary"]["retries"] = 0
    found["extra"] = 1
    del found["name"]
    has = "`results_summary.json` has"
    assert results_differences(wanted, found, 36) == [
        Violation(36, Rule.RESULTS_FILE, f"{has} None for `name`; by the events it is 'world'"),
        Violation(36, Rule.RESULTS_FILE, f"{has} 'FAILED' for `jobs[build].status`; by the events it is 'SUCCESS'"),
        Violation(36, Rule.RESULTS_FILE, f"{has} 0 for `summary.retries`; by the events it is 1"),
        Violation(36, Rule.RESULTS_FILE, f"{has} 1 for `extra`; by the events it is None"),
    ]


def test_of_very_many_differences_only_some_are_reported() -> None:
    assert len(results_differences(list(range(100)), list(range(1, 101)), 1)) == 20
    (one,) = results_differences({"jobs": [1, 2]}, {"jobs": "x" * 1000}, 1)
    assert len(one.message) < 200
