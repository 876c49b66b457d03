"""How jobs ended in earlier runs: which runs count, in which order, and that reading is bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.recorded_runs import record
from support.stories import Story
from support.worlds import job, plan

from orchestrator.app import run_results
from orchestrator.app.past_outcomes import past_outcomes
from orchestrator.journal.rundir import open_run
from orchestrator.report.fold_events import read_report
from orchestrator.report.page.context import MOST_PAST_RUNS, PastOutcome
from orchestrator.report.status import Status


def story(seconds: float, verdict: str = "succeeded", words: str = "/x/pexec.yaml") -> Story:
    made = Story(plan(job("a"), job("b", needs="a")), invocation={"words": [words]})
    made.start("a", 0.0)
    made.end("a", seconds, verdict)
    made.settle("b", seconds, "skipped", "need `a` failed")
    made.finish(seconds)
    return made


def run_id(number: int) -> str:
    return f"20260102T0304{number:02}.000000Z-0123abcd"


def outcomes(root: Path, number: int) -> dict[str, list[PastOutcome]]:
    one = story(1.0)
    with open_run(str(root), run_id(number)) as run:
        return past_outcomes(run, read_report(one.plan, one.events))


def test_earlier_runs_of_the_manifest_oldest_first_and_only_jobs_that_ended(tmp_path: Path) -> None:
    for number, seconds, verdict, words in (
        (1, 1.0, "succeeded", "/x/pexec.yaml"),
        (2, 2.0, "failed", "/x/pexec.yaml"),
        (3, 3.0, "succeeded", "/x/other.yaml"),
        (4, 4.0, "succeeded", "/x/pexec.yaml"),
        (5, 5.0, "succeeded", "/x/pexec.yaml"),
    ):
        record(tmp_path, story(seconds, verdict, words), run_id=run_id(number))
    assert outcomes(tmp_path, 4) == {"a": [PastOutcome(Status.SUCCESS, 1.0), PastOutcome(Status.FAILED, 2.0)]}


def test_at_most_twenty(tmp_path: Path) -> None:
    for number in range(24):
        record(tmp_path, story(number + 1.0), run_id=run_id(number))
    found = outcomes(tmp_path, 23)["a"]
    assert [one.seconds for one in found] == [float(number + 1) for number in range(3, 23)]
    assert len(found) == MOST_PAST_RUNS


def test_fewer_runs_of_more_jobs_and_never_less_than_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        record(tmp_path, story(number + 1.0), run_id=run_id(number))
    for most, runs in ((12, 6), (9, 4), (2, 3)):
        monkeypatch.setattr("orchestrator.app.past_outcomes.MOST_OUTCOMES", most)
        assert len(outcomes(tmp_path, 7)["a"]) == runs


def test_what_cannot_be_read_or_is_too_much_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [record(tmp_path, story(number + 1.0), run_id=run_id(number)) for number in range(6)]
    (folders[0] / "results_summary.json").write_text("{")
    (folders[1] / "results_summary.json").unlink()
    (folders[2] / "results_summary.json").unlink()
    os.mkfifo(folders[2] / "results_summary.json")
    (folders[3] / "events.jsonl").write_text("")
    assert [one.seconds for one in outcomes(tmp_path, 5)["a"]] == [5.0]
    monkeypatch.setattr(run_results, "MOST_BYTES", 10)
    assert outcomes(tmp_path, 5) == {}


def test_a_first_run_has_no_past(tmp_path: Path) -> None:
    record(tmp_path, story(1.0), run_id=run_id(1))
    assert outcomes(tmp_path, 1) == {}
