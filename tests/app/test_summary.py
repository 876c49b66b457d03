"""The closing record of a run: it says what the journal says, and counts only while that is still the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec
from support.journals import nightly
from support.recorded_runs import damage, record, start, tear
from support.stories import RUN_ID, Story
from support.worlds import job, plan

from orchestrator.observe import run_files

RECORD = ".closing.json"
LOOKS = (
    ("status", "--format", "json"),
    ("status", "--watch"),
    ("runs", "--format", "json"),
    ("report",),
    ("report", "--format", "html"),
    ("report", "--format", "json"),
)


@pytest.fixture
def runs(pexec: Pexec, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs are, of which even a small one gets a record."""
    monkeypatch.setattr(run_files, "SMALL", 0)
    return pexec.folder / ".pexec/runs"


def fine() -> Story:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.finish(1.0)
    return story


def lie(folder: Path) -> None:
    """The record tells of another run than there was."""
    record = json.loads((folder / RECORD).read_text())
    record["head"]["name"] = "a lie"
    (folder / RECORD).write_text(json.dumps(record))


def test_every_command_says_the_same_with_the_record_and_without(pexec: Pexec, runs: Path) -> None:
    folder = record(runs, nightly())
    with_it = [pexec.run(*words) for words in LOOKS]
    (folder / RECORD).unlink()
    assert [pexec.run(*words) for words in LOOKS] == with_it


def test_it_is_believed_while_journal_and_plan_are_the_same_but_not_by_verify(pexec: Pexec, runs: Path) -> None:
    lie(record(runs, nightly()))
    assert "a lie: FAILED in 9.0s" in pexec.run("status").stdout
    assert json.loads(pexec.run("runs", "--format", "json").stdout)["runs"][0]["name"] == "a lie"
    said = pexec.run("verify")
    fault = "events.jsonl:36: results-file: `.closing.json` contradicts the events: remove it\n"
    assert (said.exit_code, said.stdout.startswith(fault), said.stderr) == (1, True, "")


def other_version(folder: Path) -> None:
    record = (folder / RECORD).read_bytes()
    (folder / RECORD).write_bytes(record.replace(b'"version": "', b'"version": "9'))


def cut(folder: Path) -> None:
    record = (folder / RECORD).read_bytes()
    (folder / RECORD).write_bytes(record[:-20])


def another_plan_file(folder: Path) -> None:
    with (folder / "plan.json").open("a") as file:
        file.write("\n")


@pytest.mark.parametrize("spoil", [other_version, cut, another_plan_file, tear])
def test_else_the_journal_is_read(pexec: Pexec, runs: Path, spoil: Callable[[Path], None]) -> None:
    folder = record(runs, nightly())
    lie(folder)
    spoil(folder)
    assert " world: " in pexec.run("status").stdout


def test_damage_of_the_journal_is_refused_by_its_line_all_the_same(pexec: Pexec, runs: Path) -> None:
    damage(record(runs, nightly()), 12)
    for command in ("status", "runs", "report", "resume"):
        said = pexec.run(command)
        assert (said.exit_code, "is damaged: line 12: its checksum is wrong" in said.stderr) == (4, True), command


def test_the_record_of_a_copy_is_not_that_of_the_copy(pexec: Pexec, runs: Path) -> None:
    folder = record(runs, fine())
    copy = folder.rename(folder.with_name(RUN_ID.replace("0123", "9876")))
    assert copy.name in pexec.run("status").stdout


def test_a_report_that_was_changed_is_not_shown(pexec: Pexec, runs: Path) -> None:
    folder = record(runs, nightly())
    wanted = (folder / "execution_report.md").read_text()
    (folder / "execution_report.md").write_text("changed")
    pexec.run("report").said(stdout=wanted)


def test_a_run_that_succeeded_is_not_resumed_nor_read(pexec: Pexec, runs: Path) -> None:
    folder = record(runs, fine())
    said = pexec.run("resume")
    assert (said.exit_code, "nothing to resume" in said.stderr) == (4, True)
    (folder / "results_summary.json").write_text("lost")
    assert "its files have been completed" in pexec.run("resume").stderr
    assert "nothing to resume" in pexec.run("resume").stderr


def test_a_run_that_has_not_ended_has_no_record(pexec: Pexec, runs: Path) -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    with start(runs, story) as run:
        assert not Path(run.path, RECORD).exists()


def test_a_small_run_is_read_and_has_no_record(pexec: Pexec) -> None:
    assert not (record(pexec.folder / ".pexec/runs", nightly()) / RECORD).exists()
