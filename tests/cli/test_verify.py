"""`pexec verify`: exit code 0 for a run that kept its rules, 1 with each violation at its line, 4 for damage."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.journals import Edit, change, drop, move, nightly, stopped
from support.recorded_runs import damage, record, start, tear
from support.stories import RUN_ID, Story

GOOD = f"run {RUN_ID}: no violations in 36 events of 9 jobs\n"


def spoilt(*edits: Edit) -> Story:
    story = nightly()
    for edit in edits:
        edit(story.events)
    return story


def test_a_run_that_kept_its_rules(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", nightly())
    pexec.run("verify").said(stdout=GOOD)
    data = json.loads(pexec.run("verify", RUN_ID, "--format", "json").stdout)
    assert data == {"run_id": RUN_ID, "state": "finished", "events": 36, "jobs": 9, "violations": []}


def test_a_run_that_was_resumed(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", stopped())
    assert pexec.run("verify").exit_code == 0


def test_each_violation_is_reported_at_its_line(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", spoilt(move(10, 9, at=3.0), change(36, exit_code=0)))
    pexec.run("verify").said(
        exit_code=1,
        stdout="events.jsonl:9: needs: `build` starts before its need `fetch` has ended\n"
        "events.jsonl:36: result: exit code 0 does not match FAILED\n"
        f"run {RUN_ID}: 2 violations in 36 events of 9 jobs\n",
    )
    said = pexec.run("verify", "--format", "json")
    assert said.exit_code == 1
    assert json.loads(said.stdout)["violations"][0] == {
        "line": 9,
        "rule": "needs",
        "message": "`build` starts before its need `fetch` has ended",
    }


def test_the_results_and_the_logs_are_compared_with_the_events(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly(), logs={"logs/test.1.log": b"short"})
    results = folder / "results_summary.json"
    (folder / "logs/build.1.log").unlink()
    (folder / "logs/build.1.log").symlink_to("pack.1.log")
    results.write_text(results.read_text().replace('"retries": 1', '"retries": 2'))
    pexec.run("verify").said(
        exit_code=1,
        stdout="events.jsonl:14: log: the log `logs/build.1.log` of attempt 1 of `build` is missing\n"
        "events.jsonl:33: log: the log `logs/test.1.log` of attempt 1 of `test` has 5 bytes, expected 100\n"
        "events.jsonl:36: results-file: `results_summary.json` has 2 for `summary.retries`; by the events it is 1\n"
        f"run {RUN_ID}: 3 violations in 36 events of 9 jobs\n",
        stderr=f"pexec: regenerate the files of the run with `pexec report {RUN_ID}`\n",
    )
    pexec.run("report")
    assert "results-file" not in pexec.run("verify").stdout


@pytest.mark.parametrize(("content", "told"), [(None, "cannot be read"), ("{", "`results_summary.json` is not JSON")])
def test_damaged_results_are_reported(pexec: Pexec, content: str | None, told: str) -> None:
    results = record(pexec.folder / ".pexec/runs", nightly()) / "results_summary.json"
    results.unlink() if content is None else results.write_text(content)
    said = pexec.run("verify")
    assert said.exit_code == 1
    assert "results-file: " in said.stdout
    assert told in said.stdout


def test_a_run_that_has_not_ended_is_judged_as_far_as_it_got(pexec: Pexec) -> None:
    story = spoilt(drop(*range(30, 37)))
    seen = f"run {RUN_ID}: no violations in 29 events of 9 jobs so far; the run is"
    with start(pexec.folder / ".pexec/runs", story) as run:
        pexec.run("verify").said(stdout=f"{seen} still running\n")
        run.close()
        pexec.run("verify").said(stdout=f"{seen} interrupted\n")


def test_a_torn_end_is_no_violation_and_damage_is_refused_at_its_line(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    tear(folder)
    assert pexec.run("verify").exit_code == 0
    damage(folder, 3)
    said = pexec.run("verify")
    assert (said.exit_code, said.stdout) == (4, "")
    assert "is damaged: line 3: " in said.stderr


def test_very_many_violations_are_counted(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", spoilt(*(change(line, at=-float(line)) for line in range(2, 36))))
    lines = pexec.run("verify").stdout.splitlines()
    assert lines[-1] == f"run {RUN_ID}: {len(lines) - 1} violations in 36 events of 9 jobs"
