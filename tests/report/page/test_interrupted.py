"""The page of a run whose pexec was killed: what ran was interrupted, what waited has not started."""

from __future__ import annotations

import re

from support.pages import ParsedPage, page_of
from support.stories import Story
from support.worlds import job, plan


def killed() -> Story:
    story = Story(plan(job("a"), job("b"), job("c", needs="b")))
    story.start("a", 0.0)
    story.start("b", 1.0)
    story.end("a", 4.0)
    story.emit("run.finished", 4.0, result="INTERRUPTED", exit_code=None, wall_seconds=4.0)
    return story


def test_nothing_seems_to_run_any_more() -> None:
    html = page_of(killed())
    table = [row[:2] for row in ParsedPage(html).table]
    assert ["b", "⊘ interrupted"] in table
    assert ["c", "· not started"] in table
    assert "b: started at 1.0s, waited 1.0s for a slot, interrupted after 3.0s</title>" in html
    assert "c: not started, needs b</title>" in html
    assert "running" not in re.sub(r"<script>.*</script>", "", html, flags=re.DOTALL)


def test_while_the_run_is_in_progress_they_run_and_wait() -> None:
    story = killed()
    del story.events[-1]
    table = [row[:2] for row in ParsedPage(page_of(story)).table]
    assert ["b", "▸ running"] in table
    assert ["c", "· waiting"] in table
