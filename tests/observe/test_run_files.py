"""The files of a run that are made from its events: current, whole at any moment, final at the end."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace
from support.dags import plan_of
from support.disks import file_size_limit
from support.pages import page_of
from support.stories import Story, sales
from support.worlds import job, plan

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.observe import run_files as module
from orchestrator.observe.run_files import RunFiles
from orchestrator.plan.export import plan_from_dict
from orchestrator.report.fold_events import read_report
from orchestrator.report.markdown import execution_report
from orchestrator.report.results import results_file, results_schema

VALID = jsonschema.Draft202012Validator(results_schema())


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    with create_run(str(tmp_path / "runs")) as run:
        yield run


def data(run: RunDir, name: str) -> Any:
    return json.loads(run.read(name))


def statuses(run: RunDir) -> dict[str, str]:
    return {path.stem: path.read_text().strip() for path in Path(run.path, "status").glob("[!.]*")}


def until(true: Callable[[], bool]) -> None:
    """Wait for what the helper thread does, not longer than the test may run."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_plan_levels_and_dependencies_exist_before_the_first_event(run: RunDir) -> None:
    of = plan_of([(), (0,), (0,)])
    files = RunFiles(run, of)
    assert plan_from_dict(data(run, "plan.json")) == of
    created = data(run, "execution_plan.json")
    assert created.pop("plan_created").endswith("Z")
    assert created == {
        "total_groups": 2,
        "max_parallel_jobs": 4,
        "execution_groups": [{"group_id": 1, "workflows": ["a"]}, {"group_id": 2, "workflows": ["b", "c"]}],
    }
    assert data(run, "dependencies.json") == {
        "workflows": {name: {"path": "pexec.yaml", "status": "PENDING"} for name in "abc"},
        "dependencies": {"a": [], "b": ["a"], "c": ["a"]},
        "execution_order": ["a", "b", "c"],
    }
    files.close()


def test_everything_is_final_after_close(run: RunDir) -> None:
    story = sales()
    files = RunFiles(run, story.plan)
    for event in story.events:
        files.on_event(event)
    files.close()
    files.close()
    report = read_report(story.plan, story.events)
    assert files.report == report
    assert run.read("results_summary.json") == results_file(report)
    assert run.read("execution_report.md").decode() == execution_report(report)
    wanted = {one.job_id: one.status.value for one in report.jobs}
    assert {name: one["status"] for name, one in data(run, "dependencies.json")["workflows"].items()} == wanted
    assert statuses(run) == {name.replace(" | <b>", "-b"): status for name, status in wanted.items()}
    assert sorted(os.listdir(run.path)) == [
        "dependencies.json",
        "execution_plan.json",
        "execution_report.md",
        "logs",
        "plan.json",
        "report.html",
        "results_summary.json",
        "status",
        "tmp",
    ]
    assert run.read("report.html").decode() == page_of(story)
    assert not list(Path(run.path, "status").glob(".*"))


def test_a_run_of_no_jobs_has_all_its_files(run: RunDir) -> None:
    story = Story(plan())
    files = RunFiles(run, story.plan)
    story.finish(0.0)
    for event in story.events:
        files.on_event(event)
    files.close()
    assert data(run, "results_summary.json")["summary"]["total_jobs"] == 0
    assert "The plan has no jobs." in run.read("execution_report.md").decode()


def test_a_large_run_has_results_and_its_first_status_files_soon(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFRESH_SECONDS", 600.0)
    monkeypatch.setattr(module, "SMALL", 0)
    story = sales()
    files = RunFiles(run, story.plan)
    files.on_event(story.events[0])
    until(lambda: "results_summary.json" in os.listdir(run.path) and bool(statuses(run)))
    assert data(run, "results_summary.json")["execution_result"] == "RUNNING"
    files.close()


def test_of_a_resumed_run_only_wrong_status_files_are_written_again(run: RunDir) -> None:
    story = sales()
    first = RunFiles(run, story.plan)
    for event in story.events:
        first.on_event(event)
    first.close()
    wanted = statuses(run)
    directory = Path(run.path, "status")
    before = {path.name: path.stat().st_ino for path in directory.iterdir()}
    link, word, *_ = sorted(before)
    (directory / link).unlink()
    (directory / link).symlink_to(directory / word)
    (directory / word).unlink()
    (directory / word).write_text("GUESSED\n")
    RunFiles(run, story.plan, story.events).close()
    assert statuses(run) == wanted
    after = {path.name: path.lstat().st_ino for path in directory.iterdir()}
    assert {name for name, number in after.items() if before[name] == number} == set(before) - {link, word}


def test_files_follow_the_run_while_it_is_on(run: RunDir) -> None:
    story = Story(plan(job("a"), job("b"), job("c")))
    files = RunFiles(run, story.plan)
    story.start("a", 0.0)
    story.start("b", 0.0)
    story.end("b", 0.1)
    for event in story.events:
        files.on_event(event)
    until(lambda: statuses(run) == {"a": "RUNNING", "b": "SUCCESS", "c": "PENDING"})
    until(lambda: "execution_report.md" in os.listdir(run.path))
    results = data(run, "results_summary.json")
    assert [one["status"] for one in results["jobs"]] == ["RUNNING", "SUCCESS", "PENDING"]
    assert results["execution_result"] == "RUNNING"
    files.close()


def test_a_run_that_ends_just_when_its_files_are_due_does_not_block_forever(run: RunDir) -> None:
    files = RunFiles(run, plan(job("a")))
    closing = threading.Thread(target=files.close, daemon=True)
    clear = files._news.clear

    def clear_after_the_end() -> None:
        """What rang before is forgotten, the end of the run too."""
        closing.start()
        until(lambda: files._closing.is_set() and files._news.is_set())
        clear()

    files._news.clear = clear_after_the_end  # type: ignore[method-assign]
    files.on_event(sales().events[0])
    until(lambda: closing.ident is not None)
    closing.join(60)
    assert not closing.is_alive()


def test_results_are_whole_and_valid_at_any_moment(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0.001)
    monkeypatch.setattr(module, "MAX_WRITE_FRACTION", 1.0)
    story = Story(plan_of([()] * 100))
    files = RunFiles(run, story.plan)
    files.on_event(story.events[0])
    until(lambda: "results_summary.json" in os.listdir(run.path))
    seen = {run.read("results_summary.json")}
    for number, one in enumerate(story.plan.jobs):
        story.start(one.id, float(number))
        story.end(one.id, number + 0.5)
        for event in story.events[-4:]:
            files.on_event(event)
        seen |= {run.read("results_summary.json") for _ in range(10)}
    files.close()
    seen.add(run.read("results_summary.json"))
    for text in seen:
        VALID.validate(json.loads(text))
    assert len(seen) > 1


def test_an_event_never_waits_for_the_disk(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    held, go = threading.Event(), threading.Event()
    whole = RunDir.replace

    def slow(self: RunDir, name: str, content: bytes) -> None:
        if threading.current_thread() is not threading.main_thread():
            held.set()
            go.wait(60)
        whole(self, name, content)

    story = sales()
    files = RunFiles(run, story.plan)
    monkeypatch.setattr(RunDir, "replace", slow)
    files.on_event(story.events[0])
    assert held.wait(60)
    for event in story.events[1:]:
        files.on_event(event)
    go.set()
    files.close()
    assert files.report == read_report(story.plan, story.events)


def test_a_disk_that_is_full_for_a_while_breaks_nothing(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    failed: set[str] = set()
    whole = RunDir.replace

    def watched(self: RunDir, name: str, content: bytes) -> None:
        try:
            whole(self, name, content)
        except EnvironmentFailedError:
            failed.add(name.rpartition(".")[2])
            raise

    story = sales()
    files = RunFiles(run, story.plan)
    files.on_event(story.events[0])
    until(lambda: len(statuses(run)) == len(story.plan.jobs))
    monkeypatch.setattr(RunDir, "replace", watched)
    with file_size_limit(0):
        for event in story.events[1:]:
            files.on_event(event)
        until(lambda: {"json", "md"} <= failed and len(failed) == 3)
    files.close()
    report = read_report(story.plan, story.events)
    assert run.read("results_summary.json") == results_file(report)
    assert sorted(statuses(run).values()) == sorted(one.status.value for one in report.jobs)


def test_a_disk_that_is_full_at_the_end_is_reported_and_every_file_that_fits_is_written(run: RunDir) -> None:
    story = sales()
    files = RunFiles(run, story.plan)
    for event in story.events:
        files.on_event(event)
    with file_size_limit(20), pytest.raises(EnvironmentFailedError, match=r"execution_report\.md` cannot be written"):
        files.close()
    assert len(statuses(run)) == len(story.plan.jobs)
    assert not [name for name in os.listdir(run.path) if name.endswith(".tmp")]


def test_a_disk_that_is_full_at_the_start_stops_the_run_before_it_begins(run: RunDir) -> None:
    with file_size_limit(20), pytest.raises(EnvironmentFailedError, match=r"plan\.json` cannot be written"):
        RunFiles(run, plan(job("a")))


def test_a_plan_in_a_directory_whose_name_is_not_utf_8_can_be_written(run: RunDir) -> None:
    of = replace(plan(job("a")), manifest=os.fsdecode(b"caf\xe9/pexec.yaml"))
    files = RunFiles(run, of)
    files.close()
    assert plan_from_dict(data(run, "plan.json")) == of
