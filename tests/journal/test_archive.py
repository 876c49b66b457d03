"""A run as one file: what is in it, that it is private, always the same, and follows no link."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path
from typing import IO

import pytest
from support.disks import file_size_limit
from support.journals import nightly
from support.recorded_runs import record

from orchestrator.errors import EnvironmentFailedError, RefusedError
from orchestrator.journal.archive import write_archive
from orchestrator.journal.rundir import open_run


def test_all_files_of_a_run_are_packed_under_its_id_in_the_order_of_their_names(tmp_path: Path) -> None:
    directory = record(tmp_path / "runs", nightly(), logs={"logs/fetch.1.log": b"\x00\xff" * 50_000})
    (directory / "tmp" / "left").write_text("temporary")
    (directory / ".ballast").write_text("hidden")
    (directory / "archive_older.tar.gz").write_text("an archive")
    with open_run(str(tmp_path / "runs"), directory.name) as run:
        packed = write_archive(run)
    assert packed.path == f"{directory}/archive_{directory.name}.tar.gz"
    assert packed.size == os.path.getsize(packed.path)
    with tarfile.open(packed.path) as tar:
        names = tar.getnames()
        assert names == sorted(names)
        found = {name: tar.extractfile(name).read() for name in names}  # type: ignore[union-attr]
    wanted = [path for path in directory.rglob("*") if path.is_file() and path.parent.name != "tmp"]
    wanted = [path for path in wanted if not path.name.startswith((".", "archive_"))]
    assert found == {f"{directory.name}/{path.relative_to(directory)}": path.read_bytes() for path in wanted}
    assert (packed.files, packed.left_out) == (len(found), ())
    assert {f"{directory.name}/events.jsonl", f"{directory.name}/logs/fetch.1.log"} < set(found)


def test_a_file_that_shrinks_while_it_is_packed_is_reported_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = record(tmp_path / "runs", nightly(), logs={"logs/fetch.1.log": b"x" * 1000})
    add = tarfile.TarFile.addfile

    def shrink(tar: tarfile.TarFile, entry: tarfile.TarInfo, file: IO[bytes]) -> None:
        if entry.name.endswith("fetch.1.log"):
            (directory / "logs/fetch.1.log").write_bytes(b"")
        add(tar, entry, file)

    monkeypatch.setattr(tarfile.TarFile, "addfile", shrink)
    message = r"`logs/fetch\.1\.log` changed while it was packed"
    with open_run(str(tmp_path / "runs"), directory.name) as run, pytest.raises(EnvironmentFailedError, match=message):
        write_archive(run)
    assert [path.name for path in directory.iterdir() if "archive" in path.name] == []


def test_it_is_private_and_the_same_each_time(tmp_path: Path) -> None:
    directory = record(tmp_path / "runs", nightly())
    previous = os.umask(0)
    try:
        with open_run(str(tmp_path / "runs"), directory.name) as run:
            first = Path(write_archive(run, str(tmp_path / "one.tar.gz")).path)
            second = Path(write_archive(run, str(tmp_path / "two.tar.gz")).path)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[3:8] == bytes(5)  # gzip's own name and time
    with tarfile.open(first) as tar:
        assert {(entry.uid, entry.gid, entry.uname) for entry in tar} == {(0, 0, "")}


def test_links_and_pipes_are_left_out_and_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    directory = record(tmp_path / "runs", nightly())
    (directory / "logs" / "link.log").symlink_to(secret)
    (directory / "away").symlink_to(tmp_path)
    os.mkfifo(directory / "pipe")
    with open_run(str(tmp_path / "runs"), directory.name) as run:
        packed = write_archive(run)
    assert packed.left_out == ("away", "logs/link.log", "pipe")
    with tarfile.open(packed.path) as tar:
        assert all(entry.isreg() for entry in tar)


def test_an_older_archive_is_replaced_but_a_link_in_its_place_is_not(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    target = tmp_path / "run.tar.gz"
    target.symlink_to(precious)
    directory = record(tmp_path / "runs", nightly())
    with open_run(str(tmp_path / "runs"), directory.name) as run:
        with pytest.raises(RefusedError, match=r"run.tar.gz` is a link"):
            write_archive(run, str(target))
        assert (target.is_symlink(), precious.read_text()) == (True, "precious")
        target.unlink()
        target.write_text("an older archive")
        write_archive(run, str(target))
    assert tarfile.is_tarfile(target)


def test_where_it_cannot_be_written_nothing_is_left_behind(tmp_path: Path) -> None:
    directory = record(tmp_path / "runs", nightly(), logs={"logs/fetch.1.log": os.urandom(300_000)})
    before = sorted(os.listdir(directory))
    with open_run(str(tmp_path / "runs"), directory.name) as run:
        with pytest.raises(EnvironmentFailedError, match="`/nowhere` cannot be opened: no such file"):
            write_archive(run, "/nowhere/x.tar.gz")
        with file_size_limit(100_000), pytest.raises(EnvironmentFailedError, match=r"tar\.gz` cannot be written: file"):
            write_archive(run)
        os.mkdir(tmp_path / "folder")
        with pytest.raises(EnvironmentFailedError, match="/folder` cannot be written: is a directory"):
            write_archive(run, str(tmp_path / "folder"))
    assert sorted(os.listdir(directory)) == before
    assert sorted(os.listdir(tmp_path)) == ["folder", "runs"]
