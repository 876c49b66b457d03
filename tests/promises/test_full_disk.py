"""full-disk: a disk that fills up at any moment ends a run cleanly, and with space again the run can be resumed."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec, Said
from support.crashes import judged
from support.disks import small_disk
from support.runs import Run, runs

JOBS = 60
Figure = Callable[[str, object], None]


def manifest(jobs: int) -> str:
    """Jobs that print a little, in chains of three; each writes its name into a file elsewhere once it has printed."""
    lines = ["version: 1", "defaults: {shell: [sh, -eu]}", "workflows:"]
    for number in range(jobs):
        needs = f"needs: j{number - 1}, " if number % 3 else ""
        lines.append(f"  j{number}: {{{needs}run: 'seq 20; echo x >> ../effects-$PEXEC_JOB'}}")
    return "\n".join(lines) + "\n"


def apply_where_room_ends(pexec: Pexec, root: Path) -> Said:
    """A run that may or may not find space, and what must hold in either case."""
    said = pexec.run("apply", "--output", "quiet", "--run-root", str(root))
    assert "Traceback" not in said.stderr, said.stderr
    assert said.exit_code in (0, 1, 5), said
    if said.exit_code == 5:
        assert "\nerror[PX301]: " in f"\n{said.stderr}"
    for run in runs_of(root):
        check_what_is_there(run, said.exit_code)
    return said


def runs_of(root: Path) -> list[Run]:
    return [Run(root / name) for name in sorted(os.listdir(root)) if not name.startswith(".")] if root.is_dir() else []


def check_what_is_there(run: Run, exit_code: int) -> None:
    journal = run.path / "events.jsonl"
    if journal.exists() and journal.stat().st_size:
        assert run.events  # proves that every line is complete
    results = run.path / "results_summary.json"
    if results.exists():
        shown = json.loads(results.read_text())
        assert (shown["execution_result"] == "SUCCESS") >= (exit_code == 0)
    if exit_code in (0, 1):
        judged(run)


def resume_with_room(pexec: Pexec, root: Path) -> None:
    """Resume until everything has succeeded, and prove that no success was repeated."""
    found = runs_of(root)
    before = found[-1].events if found and journal_size(found[-1]) else []
    said = pexec.run("resume", "--output", "quiet", "--run-root", str(root))
    if not before:
        assert said.exit_code in (2, 4), said.stderr
        return
    assert said.exit_code == (4 if "nothing to resume" in said.stderr else 0), said.stderr
    run = judged(Run(found[-1].path))
    assert set(run.statuses.values()) == {"succeeded"}
    succeeded = {event["job"] for event in before if event.get("verdict") == "succeeded"}
    assert not succeeded & {e["job"] for e in run.events[len(before) :] if e["event"] == "attempt.started"}


def journal_size(run: Run) -> int:
    path = run.path / "events.jsonl"
    return path.stat().st_size if path.exists() else 0


@pytest.mark.faults
def test_a_full_disk_of_any_size_ends_a_run_cleanly_and_with_space_it_resumes(
    tmp_path: Path, full: bool, figure: Figure
) -> None:
    ends = []
    sizes = range(8, 240, 4 if full else 44)
    for size in sizes:
        (tmp_path / str(size)).mkdir()
        pexec = Pexec(tmp_path / str(size)).file("pexec.yaml", manifest(12))
        with small_disk(tmp_path / f"disk-{size}", f"{size}k") as disk:
            said = apply_where_room_ends(pexec, disk / "runs")
            ends.append(said.exit_code)
            subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True, timeout=60)
            resume_with_room(pexec, disk / "runs")
    assert ends[0] == 5
    assert ends[-1] == 0
    summary = f"{len(sizes)} from {sizes[0]} to {sizes[-1]} KiB, {ends.count(5)} of them too small for the run"
    figure("sizes of a disk, each full and then resumed", summary)


@pytest.mark.parametrize("room", [33_333, 41_000, 48_000, 55_000])
def test_a_journal_that_cannot_grow_ends_a_run_cleanly_for_any_user(pexec: Pexec, room: int) -> None:
    pexec.file("pexec.yaml", manifest(JOBS))
    root = pexec.folder / ".pexec/runs"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        said = apply_where_room_ends(pexec, root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert said.exit_code == 5
    assert "events.jsonl` cannot be written: file too large\n" in said.stderr
    assert said.stderr.endswith("  = help: free some space, then continue with `pexec resume`\n")
    assert journal_size(runs(pexec.folder)[-1]) <= room
    resume_with_room(pexec, root)


def test_a_run_root_that_is_not_writable_is_reported(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest(1)).file("file", "")
    said = pexec.run("apply", "--run-root", "file/runs")
    assert (said.exit_code, said.stdout) == (5, "")
    assert said.stderr.startswith("error[PX301]: `")


def test_a_run_whose_directory_is_removed_ends_with_5_and_no_traceback(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows:\n  a: {run: rm -rf .pexec}\n  b: {needs: a, run: 'true'}\n")
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 5
    assert "Traceback" not in said.stderr
