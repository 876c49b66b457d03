"""The table of runs, on wide and on narrow terminals."""

from __future__ import annotations

import pytest

from orchestrator.console.text import columns
from orchestrator.report.progress import Head
from orchestrator.report.runs_table import runs_table

COUNTS = {"success": 5, "failed": 2, "timed_out": 1, "cancelled": 3, "skipped": 4}
FAILED = Head(
    "20260102T030405.000000Z-0123abcd",
    "a-very-long-name-of-a-nightly-run",
    "finished",
    "FAILED",
    1,
    None,
    "2026-01-02T03:04:05.000000Z",
    75.0,
    COUNTS,
    0,
)
NOT_BEGUN = Head("20260102T030405.000000Z-0123abce", "-", "lost", None, None, None, None, 0.0, {}, 0)


def test_a_wide_table_has_one_line_for_each_run() -> None:
    lines = runs_table([FAILED], width=200).splitlines()
    assert runs_table([FAILED]).splitlines() == lines
    assert len(lines) == 2
    assert columns(lines[1]) > 80
    assert lines[1].endswith("5 of 15 jobs succeeded, 2 failed, 1 timed out, 3 cancelled, 4 skipped")


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_narrow_terminal_the_counts_have_lines_of_their_own(colour: bool) -> None:
    text = runs_table([FAILED, NOT_BEGUN], width=80, colour=colour).replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert text == (
        f"{'run':<32}  {'name':<28}  state   time\n"
        "20260102T030405.000000Z-0123abcd  a-very-lo…e-of-a-nightly-run  FAILED  1m 15s\n"
        "  5 of 15 jobs succeeded, 2 failed, 1 timed out, 3 cancelled, 4 skipped\n"
        f"20260102T030405.000000Z-0123abce  {'-':<28}  lost    -\n"
    )
