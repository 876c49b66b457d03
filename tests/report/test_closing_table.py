"""The closing table on the screen."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace
from support.stories import Story, long_story, sales
from support.worlds import job, plan

from orchestrator.console.text import columns
from orchestrator.report.closing_table import closing_table
from orchestrator.report.fold_events import read_report


def test_the_table_of_a_small_run() -> None:
    story = sales()
    assert (
        closing_table(read_report(story.plan, story.events), ".pexec/runs/R", width=100)
        == """\
job          status      time
fetch        succeeded   2.8s  2 attempts
lint         failed     500ms  exit code 2; allowed failure; logs/lint.1.log
build        succeeded   2.8s
audit | <b>  timed out   4.0s  ran longer than 4 s; logs/audit-b.1.log
load         lost        2.1s  the warden is gone; logs/load.1.log
publish      skipped        -  need `load` was lost
notes        cancelled      -  cancelled by the user
all          succeeded      -

FAILED in 8.1s: 3 of 8 jobs succeeded, 1 timed out, 1 lost, 1 allowed failure, 1 cancelled, 1 skipped
1.5x parallel speedup, 75% of 2 slots busy, critical path 7.6s
run directory: .pexec/runs/R
"""
    )


def test_a_run_without_jobs_says_so() -> None:
    of = replace(plan(), left_out=(("deploy", "`if` is false"),))
    story = Story(of)
    story.finish(0.0)
    assert closing_table(read_report(of, story.events), "R") == (
        "SUCCESS: nothing to run; 1 workflow left out\nrun directory: R\n"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_row_is_wider_than_the_terminal(width: int) -> None:
    story = Story(plan(job("short"), job("日本" * 40)))
    for name in ("short", "日本" * 40):
        story.start(name, 0.0)
        story.end(name, 1.0, "failed", exit_code=1, reason="it failed for a reason that takes long to explain " * 5)
    story.finish(1.0, "FAILED", 1)
    table = closing_table(read_report(story.plan, story.events), "R", width=width)
    rows = table.split("\n\n")[0].splitlines()
    assert len(rows) == 3
    # Never so narrow that no reason fits.
    assert max(columns(row) for row in rows) <= max(width, 62)
    assert all("it failed for a rea" in row for row in rows[1:])


def test_control_characters_do_not_reach_the_screen() -> None:
    story = Story(plan(job("a\x1b[2J")))
    story.start("a\x1b[2J", 0.0)
    story.end("a\x1b[2J", 1.0, "failed", exit_code=1, reason="x\r\ny\x07")
    table = closing_table(read_report(story.plan, story.events), "R\x1b")
    assert table.replace("\n", "").isprintable()


def test_a_long_run_shows_what_went_wrong_and_the_slowest_and_the_rest_folded() -> None:
    story = long_story()
    lines = closing_table(read_report(story.plan, story.events), "R").splitlines()
    ids = [one.id for one in story.plan.jobs]
    assert [line.split()[:2] for line in lines[1:10]] == [
        *([ids[number], "failed"] for number in (7, 8, 509)),
        [ids[999], "cancelled"],
        *([ids[number], "succeeded"] for number in (998, 997, 996, 995, 994)),
    ]
    assert lines[10:] == [
        "... and 969 more that succeeded",
        f"9 jobs skipped because of {ids[7]}",
        f"9 jobs skipped because of {ids[8]}",
        f"4 jobs skipped because of {ids[509]}",
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
        "",
        "FAILED in 16m 40s: 974 of 1000 jobs succeeded, 3 failed, 1 cancelled, 22 skipped",
        "0.2x parallel speedup, 6% of 4 slots busy, critical path 2.7s",
        "run directory: R",
    ]


def test_colours_of_a_status_do_not_change_the_layout() -> None:
    story = sales()
    report = read_report(story.plan, story.events)
    table = closing_table(report, "R", width=100, colour=True)
    assert "fetch        \x1b[32msucceeded\x1b[0m   2.8s  2 attempts\n" in table
    assert "lint         \x1b[31mfailed   \x1b[0m  500ms" in table
    assert "publish      \x1b[2mskipped  \x1b[0m      -" in table
    assert "\n\x1b[31mFAILED\x1b[0m in 8.1s: 3 of 8 jobs" in table
    assert re.sub(r"\x1b\[\d+m", "", table) == closing_table(report, "R", width=100)
