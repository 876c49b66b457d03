"""The table of jobs on the screen."""

from __future__ import annotations

import re

import pytest
from support.stories import Story, long_story, sales
from support.worlds import job, plan

from orchestrator.console.text import columns
from orchestrator.report.closing_table import closing_table
from orchestrator.report.fold_events import read_report
from orchestrator.report.model import RunReport


def report_of(story: Story) -> RunReport:
    return read_report(story.plan, story.events)


def many(number: int) -> Story:
    """A run in which the second job fails, and the others take longer and longer."""
    story = Story(plan(*(job(f"j{index}") for index in range(number)), max_parallel_jobs=number))
    for index in range(number):
        story.start(f"j{index}", 0.0)
    for index in range(number):
        story.end(f"j{index}", 1.0 + index, "failed" if index == 1 else "succeeded", reason="bad" if index == 1 else "")
    story.finish(float(number), "FAILED", 1)
    return story


def test_the_table_of_a_small_run_has_failures_last() -> None:
    assert (
        closing_table(report_of(sales()), width=100)
        == """\
job          status      time
fetch        succeeded   3.2s (500ms waiting)  2 attempts
build        succeeded   2.8s
all          succeeded      -
publish      skipped        -                  need `load` was lost
notes        cancelled      -                  cancelled by the user
lint         failed     500ms                  exit code 2; allowed failure
audit | <b>  timed out   4.0s                  ran longer than 4 s
load         lost        2.1s                  the warden is gone
"""
    )


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_row_is_wider_than_the_terminal(width: int) -> None:
    story = Story(plan(job("short"), job("日本" * 40)))
    for name in ("short", "日本" * 40):
        story.start(name, 0.0)
        story.end(name, 1.0, "failed", exit_code=1, reason="it failed for a reason that takes long to explain " * 5)
    story.finish(1.0, "FAILED", 1)
    rows = closing_table(report_of(story), width=width).splitlines()
    assert len(rows) == 3
    # Never so narrow that no reason fits.
    assert max(columns(row) for row in rows) <= max(width, 62)
    assert all("it failed for a rea" in row for row in rows[1:])


@pytest.mark.parametrize(("utf8", "mark"), [(True, "…"), (False, "~")])
def test_the_jobs_of_a_matrix_do_not_look_alike(utf8: bool, mark: str) -> None:
    names = [f"build[os={system},python={version}]" for system in ("linux", "mac") for version in ("3.11", "3.12")]
    story = Story(plan(*map(job, names)))
    for name in names:
        story.start(name, 0.0)
        story.end(name, 1.0, "failed", exit_code=1, reason="it failed for a long reason that does not fit " * 2)
    story.finish(1.0, "FAILED", 1)
    rows = closing_table(report_of(story), width=40, utf8=utf8).splitlines()[1:]
    assert [row.split()[0] for row in rows] == [
        f"build{mark}linux{mark}3.11",
        f"build{mark}linux{mark}3.12",
        f"build{mark}mac{mark}3.11",
        f"build{mark}mac{mark}3.12",
    ]
    assert all(row.endswith(mark) for row in rows)


def test_without_a_terminal_nothing_is_cut() -> None:
    name, reason = "a-very-long-name-of-a-job-" * 5, "it failed for a reason that takes long to explain " * 5
    story = Story(plan(job(name)))
    story.start(name, 0.0)
    story.end(name, 1.0, "failed", exit_code=1, reason=reason.strip())
    story.finish(1.0, "FAILED", 1)
    assert closing_table(report_of(story)).splitlines()[1] == f"{name}  failed  1.0s  {reason}".rstrip()


def test_control_characters_do_not_reach_the_screen() -> None:
    story = Story(plan(job("a\x1b[2J")))
    story.start("a\x1b[2J", 0.0)
    story.end("a\x1b[2J", 1.0, "failed", exit_code=1, reason="x\r\ny\x07")
    assert closing_table(report_of(story)).replace("\n", "").isprintable()


def test_of_more_than_thirty_jobs_only_the_slowest_are_named_unless_all_are_requested() -> None:
    assert len(closing_table(report_of(many(30))).splitlines()) == 31
    report = report_of(many(31))
    assert closing_table(report) == "slowest: j30 31.0s, j29 30.0s, j28 29.0s, j27 28.0s, j26 27.0s\n"
    rows = closing_table(report, summary="all").splitlines()
    assert [row.split()[0] for row in rows] == ["job", "j0", *(f"j{index}" for index in range(2, 31)), "j1"]
    assert closing_table(report_of(many(3)), summary="short") == ""


def test_a_large_run_shows_its_levels() -> None:
    story = long_story()
    lines = closing_table(report_of(story)).splitlines()
    assert lines[0] == "slowest: h 500ms, i 500ms, sp 500ms, all 500ms, alk 499ms"
    assert lines[1:] == [
        "",
        "levels  jobs  succeeded  failed  skipped  others    time",
        "     1   100         98       2        0       0  1m 39s",
        "     2   100         98       0        2       0  1m 39s",
        "     3   100         98       0        2       0  1m 39s",
        "     4   100         98       0        2       0  1m 39s",
        "     5   100         98       0        2       0  1m 39s",
        "     6   100         97       1        2       0  1m 39s",
        "     7   100         97       0        3       0  1m 39s",
        "     8   100         97       0        3       0  1m 39s",
        "     9   100         97       0        3       0  1m 39s",
        "    10   100         96       0        3       1  1m 40s",
    ]


def test_colours_of_a_status_do_not_change_the_layout() -> None:
    report = report_of(sales())
    table = closing_table(report, width=100, colour=True)
    assert "fetch        \x1b[32msucceeded\x1b[0m   3.2s" in table
    assert "lint         \x1b[33mfailed   \x1b[0m  500ms" in table
    assert "load         \x1b[31mlost     \x1b[0m   2.1s" in table
    assert "publish      \x1b[2mskipped  \x1b[0m      -" in table
    assert re.sub(r"\x1b\[\d+m", "", table) == closing_table(report, width=100)
