"""The slowest jobs, and those that used most CPU time and memory."""

from __future__ import annotations

import re

from support.pages import busy_story
from support.stories import Story
from support.worlds import job, plan

from orchestrator.report.fold_events import read_report
from orchestrator.report.page.rankings import MOST, rankings


def shown(story: Story) -> dict[str, list[tuple[str, str, str]]]:
    """Title -> name, value and width of each bar."""
    html = "\n".join(rankings(read_report(story.plan, story.events)))
    row = r'<li><(?:a href="#j\d+"|span)>(.*?)</(?:a|span)> <span>(.*?)</span><svg [^>]*><rect [^>]*width="(.*?)%"'
    return {part.partition("</h3>")[0]: re.findall(row, part) for part in html.split("<h3>")[1:]}


def test_the_largest_come_first_with_bars_in_proportion() -> None:
    story = Story(plan(job("a"), job("b"), job("c")))
    for number, name in enumerate("abc"):
        story.start(name, 0.0)
        story.end(name, number + 1.0, cpu_seconds=float(3 - number), max_rss_bytes=number * 1024)
    found = shown(story)
    assert found["Slowest jobs"] == [("c", "3.0s", "100"), ("b", "2.0s", "66.67"), ("a", "1.0s", "33.33")]
    assert [name for name, _, _ in found["CPU time"]] == ["a", "b", "c"]
    assert found["Peak memory"] == [("c", "2.0 KiB", "100"), ("b", "1.0 KiB", "50")]  # `a` used none


def test_there_are_at_most_ten_and_none_where_less_than_two_jobs_ran() -> None:
    assert {len(bars) for bars in shown(busy_story(100)).values()} == {MOST}
    story = Story(plan(job("a"), job("b")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    assert shown(story) == {}
