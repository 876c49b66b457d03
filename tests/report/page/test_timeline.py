"""The timeline of a page: a named row for each job, with its waits, backoffs and attempts."""

from __future__ import annotations

import re

import pytest
from support.journals import nightly, stopped
from support.pages import ParsedPage, busy_story, page_of
from support.stories import Story, on_workers
from support.worlds import job, plan

from orchestrator.console.text import duration
from orchestrator.report.page.ticks import axis, ticks


def rows(story: Story) -> dict[str, tuple[str, list[str]]]:
    """Name -> what is read out, and the kinds of the pieces from left to right."""
    html = page_of(story).partition('<section id="timeline">')[2].partition("</section>")[0]
    found = {}
    for row in html.split("<li>")[1:]:
        title = re.search(r"<title>(.*?): (.*?)</title>", row)
        if title:
            found[title[1]] = title[2], re.findall(r'<rect class="([a-z ]+)"', row)
    return found


def test_long_names_can_be_told_apart_also_on_a_phone() -> None:
    names = [f"integration-tests[database=postgres,version={version}]" for version in (14, 15)]
    story = Story(plan(*map(job, names), max_parallel_jobs=2))
    for name in names:
        story.start(name, 0.0)
    for name in names:
        story.end(name, 1.0)
    story.finish(1.0)
    assert [*rows(story)] == names
    found = re.findall(r'<span class="w">(.*?)</span><span class="n">(.*?)</span>', page_of(story))
    assert found == [(f"integration…{version}", f"integrati…{version}") for version in (14, 15)]


def test_each_job_has_a_row_with_its_name_and_all_that_happened_to_it() -> None:
    found = rows(nightly())
    assert list(found) == ["fetch", "build", "break", "pack", "notify", "test", "last"]
    assert found["fetch"] == (
        "started at 0ms, attempt 1 failed after 1.0s, backoff 1.0s, attempt 2 succeeded after 1.0s, "
        "on the critical path",
        ["warn crit", "back", "ok crit"],
    )
    assert found["pack"] == (
        "started at 4.0s, waited 1.0s for a slot or pool disk, succeeded after 3.0s, on the critical path",
        ["wait", "ok crit"],
    )
    assert found["break"][1] == ["bad"]


def test_an_attempt_on_a_worker_says_where_it_was() -> None:
    said = rows(on_workers())
    assert "attempt 1 lost after 1.0s on w1 (node-1), " in said["build"][0]
    assert "attempt 2 succeeded after 1.0s on w2 (node-2)" in said["build"][0]
    assert " on " not in said["fetch"][0]


def test_after_a_backoff_a_job_may_wait_for_a_slot() -> None:
    story = Story(plan(job("a"), max_parallel_jobs=1))
    story.start("a", 0.0)
    story.end("a", 1.0, "failed", exit_code=1, retry_at=2.0)
    story.start("a", 5.0)
    story.end("a", 10.0)
    story.finish(10.0)
    assert rows(story)["a"][1] == ["warn crit", "back", "wait", "ok crit"]


def test_a_job_that_is_resumed_has_the_attempts_of_both_processes() -> None:
    words, kinds = rows(stopped())["deaf"]
    assert words.startswith("started at 0ms, attempt 1 interrupted after 4.0s, attempt 2 succeeded after 1.0s")
    assert [kind.split()[0] for kind in kinds] == ["off", "ok"]


def test_places_are_shares_of_the_whole_run() -> None:
    bars = [one for one in ParsedPage(page_of(nightly())).named("rect") if "ok crit" in (one["class"] or "")]
    assert (bars[1]["x"], bars[1]["width"]) == ("22.22%", "11.11%")


def test_very_many_jobs_are_drawn_by_slot() -> None:
    html = page_of(busy_story(1001))
    assert re.search(r'<svg class="lanes" [^>]* role="img" aria-label="\d+ attempts in 8 slots">', html)
    assert '<svg role="img">' not in html
    lanes = re.findall(r'<path class="(\w+)" d="M\d+ (\d+)h\d+v(\d+)', html)
    assert {(kind, int(top) % 14, height) for kind, top, height in lanes} == {
        ("ok", 1, "11"),
        ("warn", 7, "5"),
        ("bad", 7, "5"),
    }


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (0.0, ["0ms"]),
        (0.9, ["0ms", "200ms", "400ms", "600ms", "800ms"]),
        (8.125, ["0ms", "2.0s", "4.0s", "6.0s", "8.0s"]),
        (70.0, ["0ms", "10.0s", "20.0s", "30.0s", "40.0s", "50.0s", "1m 00s", "1m 10s"]),
        (300.0, ["0ms", "1m 00s", "2m 00s", "3m 00s", "4m 00s", "5m 00s"]),
        (7200.0, ["0ms", "15m 00s", "30m 00s", "45m 00s", "1h 00m", "1h 15m", "1h 30m", "1h 45m", "2h 00m"]),
    ],
)
def test_the_axis_has_few_round_times(end: float, expected: list[str]) -> None:
    assert [duration(second) for second in ticks(end)] == expected


@pytest.mark.parametrize("end", [0.99, 8.0, 59.0, 599.0])
def test_every_line_of_the_axis_has_a_label(end: float) -> None:
    drawn = "".join(axis(end))
    assert drawn.count("<text") == drawn.count("<line") == len(ticks(end))
