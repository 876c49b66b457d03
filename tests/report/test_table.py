"""The closing table on the screen."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.dags import plan_of
from support.stories import Story, sales
from support.worlds import job, plan

from orchestrator.report.fold import read_report
from orchestrator.report.table import closing_table
from orchestrator.report.text import columns


def test_the_table_of_a_small_run() -> None:
    story = sales()
    assert (
        closing_table(read_report(story.plan, story.events), ".pexec/runs/R", width=100)
        == """\
job          status      time
fetch        succeeded  2.8 s  2 attempts
lint         failed     0.5 s  exit code 2; allowed; logs/lint.1.log
build        succeeded  2.8 s
audit | <b>  timed out  4.0 s  ran longer than 4 s; logs/audit-b.1.log
load         lost       2.1 s  the warden is gone; logs/load.1.log
publish      skipped        -  need `load` was lost
notes        cancelled      -  cancelled by the user
all          succeeded      -

FAILED in 8.1 s: 3 of 8 jobs succeeded, 2 failed, 1 failed as allowed, 1 skipped, 1 cancelled
speed-up 1.5, 75 % of 2 slots used, critical path 7.6 s
run folder: .pexec/runs/R
"""
    )


def test_a_run_without_jobs_says_so() -> None:
    of = replace(plan(), left_out=(("deploy", "`if` is false"),))
    story = Story(of)
    story.finish(0.0)
    assert closing_table(read_report(of, story.events), "R") == (
        "SUCCESS: there was nothing to run, 1 workflow left out\nrun folder: R\n"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_row_is_wider_than_the_terminal(width: int) -> None:
    story = Story(plan(job("short"), job("日本" * 40)))
    for name in ("short", "日本" * 40):
        story.start(name, 0.0)
        story.end(name, 1.0, "failed", exit_code=1, reason="it failed for a reason that takes long to tell " * 5)
    story.finish(1.0, "FAILED", 1)
    table = closing_table(read_report(story.plan, story.events), "R", width=width)
    rows = table.split("\n\n")[0].splitlines()
    assert len(rows) == 3
    # Never so narrow that nothing is told.
    assert max(columns(row) for row in rows) <= max(width, 62)
    assert all("it failed for a rea" in row for row in rows[1:])


def test_control_characters_do_not_reach_the_screen() -> None:
    story = Story(plan(job("a\x1b[2J")))
    story.start("a\x1b[2J", 0.0)
    story.end("a\x1b[2J", 1.0, "failed", exit_code=1, reason="x\r\ny\x07")
    table = closing_table(read_report(story.plan, story.events), "R\x1b")
    assert table.replace("\n", "").isprintable()


def test_a_long_run_shows_what_went_wrong_and_the_slowest() -> None:
    of = plan_of([()] * 1_000)
    story = Story(of)
    for number, one in enumerate(of.jobs):
        if 100 <= number < 150:
            story.settle(one.id, number, "skipped", "need `x` failed")
            continue
        story.start(one.id, float(number))
        if number in (7, 500):
            story.end(one.id, number + 0.5, "failed", exit_code=1, reason="exit code 1")
        else:
            story.end(one.id, number + number / 2000)
    story.finish(1000.0, "FAILED", 1)
    lines = closing_table(read_report(of, story.events), "R").splitlines()
    assert len(lines) == 1 + 40 + 5 + 1 + 1 + 3
    shown = [line.split()[:2] for line in lines[1:46]]
    assert shown[:2] == [[of.jobs[7].id, "failed"], [of.jobs[500].id, "failed"]]
    assert {status for _, status in shown[2:40]} == {"skipped"}
    assert shown[40:] == [[of.jobs[number].id, "succeeded"] for number in (999, 998, 997, 996, 995)]
    assert lines[46:] == [
        "... and 12 more that did not succeed, 943 more that succeeded",
        "",
        "FAILED in 16m 40s: 948 of 1000 jobs succeeded, 2 failed, 50 skipped",
        "speed-up 0.2, 6 % of 4 slots used, critical path 0.5 s",
        "run folder: R",
    ]
