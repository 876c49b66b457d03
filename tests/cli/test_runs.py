"""`pexec runs`: every run in one line, whatever became of it."""

from __future__ import annotations

import json

from support.cli import Pexec
from support.journals import nightly, stopped
from support.recorded_runs import damage, record, start, tear


def run_id(day: int) -> str:
    return f"202601{day:02}T030405.000000Z-0123abcd"


ENDED = "FAILED       2026-01-02 03:04:05Z  9.0s  6 of 9 jobs succeeded, 1 timed out, 1 allowed failure, 1 skipped"


def test_without_any_run_there_is_nothing_on_stdout(pexec: Pexec) -> None:
    pexec.run("runs").said(stderr="pexec: no runs in `.pexec/runs`\n")
    assert json.loads(pexec.run("runs", "--format", "json").stdout) == {"runs": []}


def test_the_newest_is_first_and_a_dead_run_is_no_live_one(pexec: Pexec) -> None:
    root = pexec.folder / ".pexec/runs"
    record(root, nightly(), run_id=run_id(1))
    tear(record(root, nightly(), run_id=run_id(2)))
    half = stopped()
    del half.events[20:]
    (root / run_id(3)).mkdir()
    with start(root, half, run_id=run_id(4)):
        said = pexec.run("runs")
        data = json.loads(pexec.run("runs", "--format=json").stdout)["runs"]
    assert (said.exit_code, said.stderr) == (0, "")
    head, live, empty, dead, ended = said.stdout.splitlines()
    assert head.split() == ["run", "name", "state", "started", "time", "jobs"]
    assert live.startswith(f"{run_id(4)}  world  running      2026-01-02 03:04:05Z  ")
    assert live.endswith("  1 of 5 jobs succeeded, 1 running, 3 waiting")
    assert empty.split() == [run_id(3), "not", "begun", "-", "-", "-"]
    assert dead.startswith(f"{run_id(2)}  world  interrupted  2026-01-02 03:04:05Z  9.0s")
    assert " ".join(ended.split()) == " ".join(f"{run_id(1)} world {ENDED}".split())
    assert [(one["run_id"], one["state"], one["result"]) for one in data] == [
        (run_id(4), "running", None),
        (run_id(3), "not begun", None),
        (run_id(2), "interrupted", None),
        (run_id(1), "finished", "FAILED"),
    ]
    assert data[3]["counts"] == {
        "pending": 0,
        "running": 0,
        "success": 6,
        "failed": 1,
        "timed_out": 1,
        "cancelled": 0,
        "skipped": 1,
        "lost": 0,
        "left_out": 0,
    }


def test_a_damaged_run_is_reported_at_its_line_and_the_others_are_listed_too(pexec: Pexec) -> None:
    root = pexec.folder / ".pexec/runs"
    record(root, nightly(), run_id=run_id(1))
    damage(record(root, nightly(), run_id=run_id(2)), 7)
    said = pexec.run("runs")
    assert said.exit_code == 4
    assert [line.split()[:3] for line in said.stdout.splitlines()[1:]] == [
        [run_id(2), "damaged", "-"],
        [run_id(1), "world", "FAILED"],
    ]
    assert said.stderr.startswith(f"error[PX405]: `{root}/{run_id(2)}/events.jsonl` is damaged: line 7: its checksum")


def test_last_limits_the_list_to_the_newest_runs(pexec: Pexec) -> None:
    for day in (1, 2, 3):
        record(pexec.folder / "kept", nightly(), run_id=run_id(day))
    said = pexec.run("runs", "-n", "2", "--run-root", "kept")
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["run", run_id(3), run_id(2)]
    assert pexec.env(PEXEC_RUN_ROOT="kept").run("runs", "-n2").stdout == said.stdout
    pexec.run("runs", "-n", "0").said(
        exit_code=2,
        stderr="error: argument -n/--last: expected a positive integer, found `0`\n  = help: see `pexec runs --help`\n",
    )


def test_names_cannot_drive_the_terminal(pexec: Pexec) -> None:
    from msgspec.structs import replace

    story = nightly()
    story.plan = replace(story.plan, name="\x1b[2Jevil\u202e")
    record(pexec.folder / ".pexec/runs", story)
    said = pexec.run("runs")
    assert "␛[2Jevil<U+202E>" in said.stdout
    assert said.stdout.replace("\n", "").isprintable()
    assert pexec.run("runs", "--format", "json").stdout.isascii()
