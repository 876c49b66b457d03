"""What the pages show: of runs in progress, ended, damaged, removed, hostile and large; and parts of logs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asgi import Answer, AsgiBrowser
from support.pages import busy_story
from support.recorded_runs import damage, more, record, start, tear
from support.stories import RUN_ID, Story, sales
from support.worlds import job, plan

from orchestrator.journal.file_names import log_name
from orchestrator.journal.rundir import RunDir
from orchestrator.plan.slugs import slugs
from orchestrator.ui.access import UiAddress
from orchestrator.ui.log_reading import MOST_BYTES
from orchestrator.ui.routes import application

ADDRESS = UiAddress(8470)
RUN = f"runs/{RUN_ID}/"


class Ui:
    """A browser in which the interface of `root` is open."""

    def __init__(self, root: Path) -> None:
        self._browser = AsgiBrowser(application(str(root), ADDRESS), f"127.0.0.1:{ADDRESS.port}")
        self._browser.get(ADDRESS.url)

    def get(self, path: str) -> Answer:
        return self._browser.get(ADDRESS.base + path)

    def post(self, path: str) -> Answer:
        return self._browser.post(ADDRESS.base + path, origin=f"http://{self._browser.host}")


@pytest.fixture
def ui(tmp_path: Path) -> Ui:
    return Ui(tmp_path)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[RunDir, Story]]:
    """A run of two jobs, the first of which runs."""
    story = Story(plan(job("a"), job("b", needs="a")))
    story.start("a", 0.5)
    run = start(tmp_path, story)
    Path(run.path, "logs/a.1.log").write_bytes(b"one\ntwo\nthree")
    yield run, story
    run.close()


def test_without_runs_the_first_page_says_how_to_start_one(ui: Ui) -> None:
    assert "There are no runs yet" in ui.get("").text
    assert "No run has ended yet" in ui.get("trends").text


def test_runs_are_listed_newest_first_with_a_link_each(ui: Ui, tmp_path: Path) -> None:
    later = "20270101T000000.000000Z-00000000"
    record(tmp_path, sales())
    record(tmp_path, sales(), run_id=later)
    text = ui.get("").text
    assert text.index(f'href="runs/{later}/"') < text.index(f'href="runs/{RUN_ID}/"')
    assert "2 runs in" in text


def test_many_runs_have_several_pages(ui: Ui, tmp_path: Path) -> None:
    ids = [f"20260101T0000{number:02}.000000Z-00000000" for number in range(60)]
    for run_id in ids:
        (tmp_path / run_id).mkdir()
    first = ui.get("").text
    assert first.count('href="runs/') == 50
    assert f'href="./?before={ids[10]}"' in first
    second = ui.get(f"?before={ids[10]}").text
    assert second.count('href="runs/') == 10
    assert "Newest runs" in second


def test_a_live_run_shows_what_runs_and_what_waits(ui: Ui, live: tuple[RunDir, Story]) -> None:
    text = ui.get(RUN).text
    assert "RUNNING" in text
    assert 'data-live="1"' in text
    assert "waiting: 1 for what they need" in text
    assert '<td class="last">three' in text
    assert 'action="jobs/0/cancel"><button aria-label="Cancel a">' in text
    assert "resume" not in text


def test_the_page_follows_the_journal(ui: Ui, live: tuple[RunDir, Story]) -> None:
    run, story = live
    assert "0 of 2 jobs succeeded, 1 running, 1 waiting" in ui.get(RUN).text
    before, seen = ui.get(f"{RUN}state").text, len(story.events)
    story.end("a", 1.0, "failed", exit_code=1, reason="exit code 1")
    seen = more(run, story, seen)
    assert "0 of 2 jobs succeeded, 1 failed, 1 waiting" in ui.get(RUN).text
    assert ui.get(f"{RUN}state").text != before
    story.settle("b", 1.0, "skipped", "a failed")
    story.finish(1.0, "FAILED", 1)
    more(run, story, seen)
    text = ui.get(RUN).text
    assert "FAILED" in text
    assert 'data-live="0"' in text
    assert 'id="running"' not in text
    assert 'action="resume"' in text
    assert 'action="resume-failed"' in text


def test_a_run_whose_process_is_gone_is_interrupted_and_can_be_resumed(ui: Ui, live: tuple[RunDir, Story]) -> None:
    live[0].close()
    text = ui.get(RUN).text
    assert "INTERRUPTED" in text
    assert 'action="resume"' in text
    assert 'action="cancel"' not in text
    assert "INTERRUPTED" in ui.get("").text


def test_a_run_that_succeeded_has_no_buttons(ui: Ui, tmp_path: Path) -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.finish(1.0)
    record(tmp_path, story)
    assert "<form" not in ui.get(RUN).text


def test_what_cannot_be_done_is_said_on_the_page_once_it_leads_back_to(ui: Ui, tmp_path: Path) -> None:
    record(tmp_path, sales())
    answer = ui.post(f"{RUN}cancel")
    assert (answer.status, answer.headers["location"]) == (303, f"{ADDRESS.base}{RUN}")
    assert "is not running" in ui.get(RUN).text
    assert ui.post(f"{RUN}jobs/99999/cancel").status == 404
    assert ui.post("runs/20260101T000000.000000Z-00000000/resume").status == 404


@pytest.mark.parametrize("content", [b"", b"not a journal\n", b"\x00" * 100])
def test_a_damaged_journal_is_a_clear_page(ui: Ui, tmp_path: Path, content: bytes) -> None:
    directory = record(tmp_path, sales())
    (directory / "events.jsonl").write_bytes(content)
    answer = ui.get(RUN)
    assert answer.status in (200, 500)
    assert "Traceback" not in answer.text
    assert RUN_ID in ui.get("").text
    assert ui.get("trends").status == 200


def test_damage_in_the_middle_names_its_line(ui: Ui, tmp_path: Path) -> None:
    damage(record(tmp_path, sales()), 4)
    answer = ui.get(RUN)
    assert answer.status == 500
    assert "line 4" in answer.text
    assert "damaged" in ui.get("").text


def test_a_torn_journal_and_a_missing_plan_and_damaged_results_are_no_failure(ui: Ui, tmp_path: Path) -> None:
    directory = record(tmp_path, sales())
    tear(directory)
    assert ui.get(RUN).status == 200
    (directory / "results_summary.json").write_text('{"jobs": 3}')
    assert "No run has ended yet" in ui.get("trends").text
    (directory / "plan.json").unlink()
    other = Ui(tmp_path)
    assert other.get(RUN).status == 500
    assert other.get("").status == 200


@pytest.mark.parametrize("visited", [False, True])
def test_a_run_that_was_removed_is_not_found(ui: Ui, tmp_path: Path, visited: bool) -> None:
    directory = record(tmp_path, sales())
    if visited:
        assert ui.get(RUN).status == 200
    shutil.rmtree(directory)
    for path in (RUN, f"{RUN}state", f"{RUN}logs/a.1.log", f"{RUN}raw/a.1.log"):
        answer = ui.get(path)
        assert answer.status == 404
        assert "may have been removed" in answer.text or path.endswith("a.1.log")


def test_hostile_text_is_escaped(ui: Ui, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>\"'\x1b[2J"
    story = Story(plan(job(evil, description=evil)), invocation={"command": [evil]})
    story.start(evil, 0.0)
    run = start(tmp_path, story)
    slug = log_name(slugs([evil])[0], 1)
    Path(run.path, slug).write_bytes(f"{evil}\n{evil}".encode())  # the second line is unfinished
    for path in ("", RUN, f"{RUN}{slug}"):
        text = ui.get(path).text
        assert "<img" not in text
        assert "\x1b" not in text
    run.close()


def test_the_end_of_a_growing_log_is_followed_by_whole_lines(ui: Ui, live: tuple[RunDir, Story]) -> None:
    run, story = live
    page = ui.get(f"{RUN}logs/a.1.log").text
    assert '>\none\ntwo\n<span id="unfinished">three</span></pre>' in page
    assert 'data-end="8"' in page
    log = Path(run.path, "logs/a.1.log")
    assert json.loads(ui.get(f"{RUN}follow/a.1.log?from=8").text) == {
        "text": "",
        "unfinished": "three",
        "end": 8,
        "over": False,
    }
    log.write_bytes(log.read_bytes() + b" <b>\nfour\n")
    said = json.loads(ui.get(f"{RUN}follow/a.1.log?from=8").text)
    assert said == {"text": "three <b>\nfour\n", "unfinished": "", "end": 23, "over": False}
    log.write_bytes(log.read_bytes() + b"no newline")
    story.end("a", 1.0)
    more(run, story, len(story.events) - 2)
    said = json.loads(ui.get(f"{RUN}follow/a.1.log?from=23").text)
    assert said == {"text": "no newline", "unfinished": "", "end": 33, "over": True}


def test_of_a_huge_log_only_parts_are_sent(ui: Ui, live: tuple[RunDir, Story]) -> None:
    run, _ = live
    run.close()
    lines = b"".join(b"%07d\n" % number for number in range(100_000))
    Path(run.path, "logs/a.1.log").write_bytes(lines)
    page = ui.get(f"{RUN}logs/a.1.log").text
    assert len(page) < 2 * MOST_BYTES
    assert "0099999\n<span" in page
    assert f'href="?from={len(lines) - 2 * MOST_BYTES}"' in page
    first = ui.get(f"{RUN}logs/a.1.log?from=0").text
    assert ">\n0000000\n" in first
    assert f'href="?from={MOST_BYTES}"' in first
    assert ui.get(f"{RUN}raw/a.1.log").body == lines
    assert ui.get(f"{RUN}raw/a.1.log").headers["content-type"] == "text/plain; charset=utf-8"
    for odd in ("-1", "x", "9" * 30, "99999999"):
        assert ui.get(f"{RUN}logs/a.1.log?from={odd}").status == 200


def test_a_line_longer_than_a_part_is_cut_and_nothing_is_sent_twice(ui: Ui, live: tuple[RunDir, Story]) -> None:
    run, _ = live
    Path(run.path, "logs/a.1.log").write_bytes(b"x" * (2 * MOST_BYTES + 10) + b"\n")
    offset, text = 0, ""
    for _ in range(5):
        said = json.loads(ui.get(f"{RUN}follow/a.1.log?from={offset}").text)
        offset, text = said["end"], text + said["text"]
    assert text == "x" * (2 * MOST_BYTES + 10) + "\n"


def test_a_run_of_5000_jobs_is_readable(ui: Ui, tmp_path: Path) -> None:
    record(tmp_path, busy_story(5000))
    answer = ui.get(RUN)
    assert answer.status == 200
    assert len(answer.body) < 1_500_000
    assert ui.get("trends").status == 200


def test_trends_name_flaky_failing_and_slow_jobs(ui: Ui, tmp_path: Path) -> None:
    for number, verdict in enumerate(("succeeded", "failed", "succeeded", "failed")):
        story = Story(plan(job("wobbly"), job("steady")))
        for name, how in (("wobbly", verdict), ("steady", "succeeded")):
            story.start(name, 0.0)
            story.end(name, 1.0 + number, how, exit_code=int(how == "failed"))
        story.finish(1.0 + number, "FAILED" if verdict == "failed" else "SUCCESS", int(verdict == "failed"))
        record(tmp_path, story, run_id=f"2026010{number + 1}T000000.000000Z-00000000")
    text = ui.get("trends").text
    assert "4 runs, 50% succeeded" in text
    flaky = text[text.index('id="flaky"') : text.index('id="failing"')]
    assert "wobbly" in flaky
    assert "steady" not in flaky
    assert text.count('href="runs/') == 4
    assert ui.get("trends?name=unknown").status == 200
