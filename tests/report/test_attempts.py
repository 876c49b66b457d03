"""Every attempt of a run, with its times and how it ended."""

from __future__ import annotations

from support.journals import nightly, stopped
from support.stories import Story, every_event, on_workers
from support.worlds import job, plan

from orchestrator.report.attempts import Attempt, AttemptHistory, headline


def attempts(story: Story, jobs: list[str] | None = None) -> AttemptHistory:
    made = AttemptHistory(story.plan, jobs)
    for event in story.events:
        made.add(event)
    return made


def test_each_attempt_has_its_stamps_its_verdict_and_its_log() -> None:
    made = attempts(nightly(), ["fetch", "repair"])
    first, second = made.of.pop("fetch")
    assert first == Attempt(
        "fetch",
        1,
        "logs/fetch.1.log",
        "2026-01-02T03:04:05.000000Z",
        "2026-01-02T03:04:06.000000Z",
        1.0,
        "failed",
        "exit code 1",
        100,
        "host",
    )
    assert (second.attempt, second.verdict, made.of) == (2, "succeeded", {"repair": []})
    assert made.ended["repair"] == ("skipped", "need `break` timed out")
    assert made.finished


def test_a_resume_opens_what_did_not_succeed_and_an_attempt_under_way_has_no_end() -> None:
    story = stopped()
    before = Story(story.plan)
    before.events = story.events[:18]
    made = attempts(before)
    assert set(made.ended) == {"late"}
    assert (made.of["deaf"][0].ended_at, made.finished) == (None, False)


def test_an_attempt_is_described_in_one_line() -> None:
    made = attempts(nightly()).of["fetch"]
    assert headline(made[0], 1.0, driven=True) == (
        "==> fetch, attempt 1: started 2026-01-02T03:04:05.000000Z, ended 2026-01-02T03:04:06.000000Z, 1.0s, "
        "failed: exit code 1"
    )
    running = Attempt("a\x1b[2J", 3, "logs/a.3.log", "2026-01-02T03:04:05.000000Z")
    begun = "==> a\u241b[2J, attempt 3: started 2026-01-02T03:04:05.000000Z, "
    assert headline(running, 1.0, driven=True) == begun + "running"
    assert headline(running, 1.0, driven=False) == begun + "interrupted with the run"


def test_every_event_can_be_followed() -> None:
    assert [one.attempt for one in attempts(every_event(plan(job("build")))).of["build"]] == [1, 2]


def test_an_attempt_on_a_worker_is_described_with_its_host() -> None:
    first, second = attempts(on_workers()).of["build"]
    assert (first.host, first.worker, second.host, second.worker) == ("node-1", "w1", "node-2", "w2")
    assert headline(second, 1.0, driven=True).startswith("==> build, attempt 2 on node-2: started ")
