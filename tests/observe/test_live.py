"""`--output live` keeps a status line at the bottom of the terminal that is never torn, never wraps, and is cleared."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.stories import Story
from support.worlds import job as draft
from support.worlds import plan

from orchestrator.console.text import columns
from orchestrator.observe.live import LiveProgress
from orchestrator.observe.stream import ConsoleStream
from orchestrator.report.foresight import Foresight

CLEAR = "\r\x1b[K"


class Live:
    """A screen on which each event is shown at once, with the lines of jobs above the status line."""

    def __init__(
        self, screen: io.StringIO, width: int = 40, out: io.StringIO | None = None, total: int = 2, **more: Any
    ) -> None:
        err = ConsoleStream(screen)
        self.progress = LiveProgress(err, total, lambda: width, **more)
        self._out = self.progress.above(err if out is None else ConsoleStream(out))

    def on_event(self, record: Mapping[str, Any]) -> None:
        self.progress.on_event(record)
        self.progress.show()

    def write(self, text: str) -> None:
        self._out.write(text)

    def close(self) -> None:
        self.progress.finish()


def started(job: str) -> Mapping[str, Any]:
    return {"event": "attempt.started", "at": 0.0, "job": job, "attempt": 1}


def ended(job: str) -> list[Mapping[str, Any]]:
    finished = {"event": "job.finished", "at": 1.0, "job": job, "status": "succeeded", "reason": "", "allowed": False}
    return [{"event": "attempt.finished", "at": 1.0, "job": job, "attempt": 1, "verdict": "succeeded"}, finished]


def seen(written: str) -> list[str]:
    """The lines on a terminal after this was written to it; the last one is where the cursor is."""
    lines = []
    for line in written.split("\n"):
        parts = line.split(CLEAR)
        assert all("\r" not in part and "\x1b" not in part for part in parts)
        lines.append(parts[-1])
    return lines


def test_the_status_line_names_what_runs_and_stays_below_everything_else() -> None:
    screen = io.StringIO()
    shown = Live(screen)
    shown.on_event(started("a"))
    shown.on_event(started("b"))
    assert seen(screen.getvalue()) == ["[0/2] running: a, b"]
    shown.write("a | hello\n")
    assert seen(screen.getvalue()) == ["a | hello", "[0/2] running: a, b"]
    shown.write("a | wor\n")
    for event in ended("a"):
        shown.on_event(event)
    above = ["a | hello", "a | wor", "[1/2] a succeeded in 1.0s"]
    assert seen(screen.getvalue()) == [*above, "[1/2] running: b"]
    for event in ended("b"):
        shown.on_event(event)
    shown.close()
    assert seen(screen.getvalue()) == [*above, "[2/2] b succeeded in 1.0s", ""]


def test_output_that_does_not_go_to_the_terminal_is_unchanged() -> None:
    screen, out = io.StringIO(), io.StringIO()
    shown = Live(screen, out=out)
    shown.on_event(started("a"))
    shown.write("a | one\na | two\n")
    shown.close()
    assert out.getvalue() == "a | one\na | two\n"
    assert seen(screen.getvalue()) == [""]


@given(st.lists(st.text(min_size=1, max_size=30), max_size=5, unique=True), st.integers(1, 60))
def test_the_line_fits_the_terminal_and_names_cannot_control_it(jobs: list[str], width: int) -> None:
    screen = io.StringIO()
    shown = Live(screen, width)
    for job in jobs:
        shown.on_event(started(job))
        *above, line = seen(screen.getvalue())
        assert above == []
        assert columns(line) < max(width, 2)


def test_an_event_that_changes_nothing_writes_nothing() -> None:
    screen = io.StringIO()
    shown = Live(screen)
    shown.on_event(started("a"))
    before = screen.getvalue()
    shown.on_event({"event": "attempt.spawned", "at": 0.0, "job": "a", "attempt": 1, "pid": 1, "start_ticks": 1})
    assert screen.getvalue() == before


@pytest.mark.parametrize("count", [1, 1000])
def test_a_thousand_names_cost_no_more_than_fifty(count: int) -> None:
    screen = io.StringIO()
    shown = Live(screen, 100_000, total=count)
    for number in range(count):
        shown.on_event(started(f"job{number}"))
    assert len(re.findall("job", seen(screen.getvalue())[-1])) == min(count, 50)


def test_the_status_line_says_what_will_be_skipped() -> None:
    screen = io.StringIO()
    of = plan(draft("test-a"), draft("test-b"), draft("report", needs="test-a test-b"))
    view = Live(screen, 80, total=3, foresight=Foresight(of))
    story = Story(of)
    story.start("test-a", 0.0)
    story.start("test-b", 0.0)
    story.end("test-a", 1.0, "failed", exit_code=1)
    for event in story.events:
        view.on_event(event)
    assert seen(screen.getvalue())[-1] == "[1/3] running: test-b; report will be skipped: test-a failed"
