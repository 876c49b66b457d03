"""A tool that does not do the work is detected."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks import marks
from benchmarks.process import FailedError

GRAPH = [[], [], [0, 1]]


def test_jobs_mark_their_beginning_and_end(tmp_path: Path) -> None:
    for text in marks.marked(["true"] * 3):
        subprocess.run(["sh", "-c", text], cwd=tmp_path, check=True, timeout=60)
    marks.check(GRAPH, tmp_path, slots=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("lines", "slots", "failure"),
    [
        ("b0 b1 e0 e1 b2 e2", 2, ""),
        ("b0 b1 e0 e1 b2 e2", 1, "2 jobs at once, with 1 slots"),
        ("b0 b1 e0 e1 b2 e2", None, ""),
        ("b0 e0 b1 e1 b2", 1, "2 of 3 jobs ran"),
        ("", 1, "0 of 3 jobs ran"),
        ("b0 e0 b2 e2 b1 e1", 1, "job 2 started before its needs had ended"),
        ("b0 e0 b0 e0 b1 e1 b2 e2", 1, "job 0 ran twice"),
    ],
)
def test_a_run_counts_only_if_all_jobs_ran_once_in_order_and_within_the_slots(
    lines: str, slots: int | None, failure: str, tmp_path: Path
) -> None:
    (tmp_path / marks.FILE).write_text("".join(f"{line}\n" for line in lines.split()))
    if failure:
        with pytest.raises(FailedError, match=failure):
            marks.check(GRAPH, tmp_path, slots)
    else:
        marks.check(GRAPH, tmp_path, slots)
