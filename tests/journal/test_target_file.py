"""What is at the target of a command, and what becomes of it. Devices are made here, never those of the system."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec
from support.disks import file_size_limit
from support.journals import nightly
from support.recorded_runs import record

from orchestrator.errors import RefusedError
from orchestrator.journal.target_file import put_in_place, refuse_target, write_new_target


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make devices")


def make_socket(path: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)


KINDS: dict[str, Callable[[Path], object]] = {
    "a link": lambda path: path.symlink_to("precious"),
    "a dangling link": lambda path: path.symlink_to("nothing"),
    "a named pipe": os.mkfifo,
    "a socket": make_socket,
    "a device": make_device,
}
COMMANDS = {
    "archive": ("archive", "-o", "target"),
    "init": ("init", "-o", "target"),
    "discover": ("discover", "script.sh", "-o", "target"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_regular_file_is_never_replaced(pexec: Pexec, kind: str, command: str) -> None:
    record(pexec.folder / ".pexec/runs", nightly())
    pexec.file("precious", "precious").file("script.sh", "echo\n")
    target = pexec.folder / "target"
    KINDS[kind](target)
    before = target.lstat()
    said = pexec.run(*COMMANDS[command])
    assert (said.exit_code, said.stderr.startswith("error[PX407]: `")) == (4, True), said.stderr
    assert (target.lstat().st_ino, target.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert (pexec.folder / "precious").read_text() == "precious"
    assert not (pexec.folder / "nothing").exists()
    assert not list(pexec.folder.glob(".target*"))


def test_the_archive_in_the_run_directory_is_no_exception(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    target = folder / f"archive_{folder.name}.tar.gz"
    target.symlink_to("plan.json")
    before = (folder / "plan.json").read_bytes()
    said = pexec.run("archive")
    assert (said.exit_code, f"`{target}` is a link" in said.stderr) == (4, True)
    assert (folder / "plan.json").read_bytes() == before


def test_only_an_archive_replaces_a_regular_file(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", nightly())
    pexec.file("target", "old").file("script.sh", "echo\n")
    assert pexec.run(*COMMANDS["init"]).exit_code == pexec.run(*COMMANDS["discover"]).exit_code == 4
    assert (pexec.folder / "target").read_text() == "old"
    assert pexec.run(*COMMANDS["archive"]).exit_code == 0
    assert (pexec.folder / "target").read_bytes()[:2] == b"\x1f\x8b"


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "target").write_text("old")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(RefusedError, match="you may not write to"):
        refuse_target(str(tmp_path / "target"), replaces=True)


def test_what_appears_in_the_last_moment_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "temporary").write_text("new")
    (tmp_path / "target").symlink_to("precious")
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(RefusedError, match="is a link"):
            put_in_place("temporary", str(tmp_path / "target"), directory)
        (tmp_path / "target").unlink()
        put_in_place("temporary", str(tmp_path / "target"), directory)
    finally:
        os.close(directory)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_file_that_cannot_be_completed_is_removed(tmp_path: Path) -> None:
    with file_size_limit(1000), pytest.raises(OSError, match="File too large"):
        write_new_target(str(tmp_path / "target"), b"x" * 100_000)
    assert not list(tmp_path.iterdir())


def test_a_new_file_never_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    with pytest.raises(RefusedError, match="already exists"):
        write_new_target(str(tmp_path / "target"), b"new")
    assert (tmp_path / "target").read_text() == "old"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_where_there_are_no_hard_links_the_file_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "temporary").write_text("new")
    monkeypatch.setattr(os, "link", no_links)
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        put_in_place("temporary", str(tmp_path / "target"), directory)
    finally:
        os.close(directory)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"target": "new"}


def test_any_other_failure_to_link_is_reported(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(FileNotFoundError):
            put_in_place("missing", str(tmp_path / "target"), directory)
    finally:
        os.close(directory)
