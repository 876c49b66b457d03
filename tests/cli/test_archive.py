"""`pexec archive`: a run as one file, unless a process drives it."""

from __future__ import annotations

import json
import os
import stat
import tarfile
from pathlib import Path

from support.cli import Pexec
from support.journals import nightly
from support.recorded_runs import damage, record, start, tear
from support.stories import RUN_ID


def test_the_archive_is_in_the_run_directory_and_its_path_is_printed(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    pexec.run("archive").said(stdout=f"{folder}/archive_{RUN_ID}.tar.gz\n")
    archive = folder / f"archive_{RUN_ID}.tar.gz"
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as tar:
        content = tar.extractfile(f"{RUN_ID}/events.jsonl")
        assert content is not None
        assert content.read() == (folder / "events.jsonl").read_bytes()


def test_it_can_be_written_to_another_file_or_directory(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", nightly())
    pexec.run("archive", RUN_ID, "-o", "run.tgz").said(stdout=f"{pexec.folder}/run.tgz\n")
    said = pexec.run("archive", "-o", ".", "--format", "json")
    data = json.loads(said.stdout)
    path = Path(data["path"])
    assert path == pexec.folder / f"archive_{RUN_ID}.tar.gz"
    assert (data["bytes"], data["left_out"]) == (path.stat().st_size, [])
    assert path.read_bytes() == (pexec.folder / "run.tgz").read_bytes()
    said = pexec.run("archive", "-o", "missing/run.tgz")
    assert (said.exit_code, said.stdout) == (5, "")


def test_special_files_are_left_out_and_reported(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    os.mkfifo(folder / "pipe")
    said = pexec.run("archive")
    assert (said.exit_code, said.stderr) == (0, "pexec: 1 link or special file in the run directory not packed: pipe\n")


def test_a_run_that_is_driven_is_refused(pexec: Pexec) -> None:
    with start(pexec.folder / ".pexec/runs", nightly()):
        pexec.run("archive").said(
            exit_code=4,
            stderr=f"error[PX404]: run `{RUN_ID}` is in use by process 4000\n"
            f"  = help: wait until it ends, or stop it with `pexec cancel --run {RUN_ID}`\n",
        )


def test_a_damaged_journal_is_refused_with_its_line_and_a_torn_end_is_no_damage(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    tear(folder)
    assert pexec.run("archive", "-o", "torn.tgz").exit_code == 0
    damage(folder, 3)
    said = pexec.run("archive", "-o", "damaged.tgz")
    assert (said.exit_code, said.stdout) == (4, "")
    assert "is damaged: line 3: its checksum is wrong" in said.stderr
    assert not (pexec.folder / "damaged.tgz").exists()
