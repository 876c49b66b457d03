"""The ends of logs are read within a budget, whatever the logs are."""

from __future__ import annotations

import os
from pathlib import Path

from support.recorded_runs import record
from support.stories import Story
from support.worlds import job, plan

from orchestrator.app.failure_logs import read_log_tails
from orchestrator.journal.rundir import open_run
from orchestrator.report.log_tail import MOST_BYTES, LogTail


def tails(root: Path, logs: dict[str, bytes], *, budget: int = 1 << 24) -> dict[str, LogTail]:
    """The tails of logs with this content, in this order, and of one that does not exist."""
    folder = record(root, Story(plan(job("a"))))
    for name, content in logs.items():
        (folder / name).write_bytes(content)
    with open_run(str(root), folder.name) as run:
        return read_log_tails(run, ["logs/none", *logs], github=False, budget=budget)


def test_a_short_log_is_read_whole_and_a_missing_one_is_left_out(tmp_path: Path) -> None:
    assert tails(tmp_path, {"logs/a": b"one\ntwo\n", "logs/b": b""}) == {
        "logs/a": LogTail("one\ntwo", 0),
        "logs/b": LogTail("", 0),
    }


def test_of_a_large_log_only_the_end_is_read(tmp_path: Path) -> None:
    size = 3 * MOST_BYTES
    (tail,) = tails(tmp_path, {"logs/a": b"x" * size}).values()
    assert tail == LogTail("x" * MOST_BYTES, size - MOST_BYTES)


def test_once_the_budget_is_spent_the_other_logs_only_have_their_size(tmp_path: Path) -> None:
    logs = {"logs/a": b"1234\n" * 10, "logs/b": b"1234\n" * 10, "logs/c": b"1234\n" * 10}
    assert tails(tmp_path, logs, budget=70) == {
        "logs/a": LogTail("\n".join(["1234"] * 10), 0),
        "logs/b": LogTail("\n".join(["1234"] * 3), 35),
        "logs/c": LogTail("1234", 45),
    }
    assert tails(tmp_path / "again", logs, budget=50)["logs/c"] == LogTail("", 50)


def test_a_log_that_is_a_link_or_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = record(tmp_path / "runs", Story(plan(job("a"))))
    (folder / "logs/link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "logs/pipe")
    with open_run(str(tmp_path / "runs"), folder.name) as run:
        assert read_log_tails(run, ["logs/link", "logs/pipe"], github=False) == {}
