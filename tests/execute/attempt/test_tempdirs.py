"""Each attempt has an empty private directory; nothing of an attempt stays, and no job sees files of another."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from support.attempts import Desk, wait_until

from orchestrator.execute.attempt.tempdirs import PlaceTakenError, TempDirs


def test_a_directory_is_private_empty_and_unshared(tmp_path: Path) -> None:
    folders = TempDirs()
    first, second = folders.take(str(tmp_path)), folders.take(str(tmp_path))
    assert first.path != second.path
    assert [os.stat(folder.path).st_mode & 0o777 for folder in (first, second)] == [0o700, 0o700]
    assert [os.listdir(folder.path) for folder in (first, second)] == [[], []]


def test_a_root_that_is_missing_is_made_private(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        TempDirs().take(str(tmp_path / "root"))
    finally:
        os.umask(mask)
    assert os.stat(tmp_path / "root").st_mode & 0o777 == 0o700


def test_an_unchanged_directory_is_reused(tmp_path: Path) -> None:
    folders = TempDirs()
    first = folders.take(str(tmp_path))
    folders.release(first)
    assert folders.take(str(tmp_path)).path == first.path


@pytest.mark.parametrize("change", ["file", "mode", "gone", "replaced", "link", "tree"])
def test_a_changed_directory_is_never_reused(tmp_path: Path, change: str) -> None:
    folders = TempDirs()
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    folder = folders.take(str(root))
    path = Path(folder.path)
    if change == "file":
        (path / "left").touch()
    elif change == "mode":
        path.chmod(0o777)
    elif change == "tree":
        (path / "cache" / "deep").mkdir(parents=True)
        (path / "cache" / "deep" / "file").touch()
        (path / "cache" / "outside").symlink_to(outside)
        (path / "cache" / "deep").chmod(0o500)
        (path / "cache").chmod(0o000)
    else:
        path.rmdir()
        if change == "replaced":
            (root / "keeps the number busy").mkdir()
            path.mkdir(0o755)
        elif change == "link":
            path.symlink_to(outside)
    folders.release(folder)
    assert not os.path.lexists(path)
    assert folders.take(str(root)).path != folder.path
    assert os.listdir(outside) == ["precious"]


def test_directories_of_another_root_are_not_given_out(tmp_path: Path) -> None:
    folders = TempDirs()
    folders.release(folders.take(str(tmp_path / "one")))
    assert Path(folders.take(str(tmp_path / "two")).path).parent == tmp_path / "two"


def test_nothing_is_left_in_the_end(tmp_path: Path) -> None:
    folders = TempDirs()
    for folder in [folders.take(str(tmp_path)) for _ in range(3)]:
        folders.release(folder)
    folders.remove()
    assert os.listdir(tmp_path) == []


def test_attempts_never_see_each_others_files(desk: Desk) -> None:
    script = 'test -z "$(ls -A $PEXEC_TMPDIR)"; touch $PEXEC_TMPDIR/mine; stat -c %a $PEXEC_TMPDIR; sleep 0.01'
    attempts = [desk.start(run=script) for _ in range(20)]
    assert [(attempt.result.exit_code, attempt.log) for attempt in attempts] == [(0, b"700\n")] * 20


def test_the_directory_exists_while_the_job_runs_and_is_gone_after_the_run(desk: Desk) -> None:
    attempt = desk.run(run="echo $PEXEC_TMPDIR; ls -d $PEXEC_TMPDIR; touch $PEXEC_TMPDIR/left")
    path, seen, _ = attempt.log.split(b"\n")
    assert path == seen
    assert not os.path.exists(path)
    desk.supervisor.close()
    assert os.listdir(desk.folder / "tmp") == []


def test_a_kept_directory_is_named_like_the_log_and_stays(desk: Desk) -> None:
    desk.run(run="echo hello > $PEXEC_TMPDIR/left", keep_temp=True)
    desk.supervisor.close()
    assert (desk.folder / "tmp" / "job.1" / "left").read_bytes() == b"hello\n"


def test_a_long_script_is_gone_with_its_attempt(desk: Desk) -> None:
    attempt = desk.start(run=f"ls -l $0; echo ready; sleep 0.1; : {'x' * 200_000}")
    attempt.wait_for_output()
    assert attempt.log.startswith(b"-rw------- ")
    assert attempt.result.exit_code == 0
    assert wait_until(lambda: not any(path.is_file() for path in (desk.folder / "tmp").rglob("*")))


@pytest.mark.parametrize("free", [True, False])
def test_a_link_in_the_place_of_the_root_leads_nothing_astray(tmp_path: Path, free: bool) -> None:
    """An attempt that already has a directory releases it; no later one gets a directory there."""
    folders = TempDirs()
    root, aside, outside = tmp_path / "root", tmp_path / "aside", tmp_path / "outside"
    for name in map(str, range(9)):
        (outside / name).mkdir(parents=True)
        (outside / name / "precious").touch()
    had = [folders.take(str(root)) for _ in range(2)]
    if free:
        folders.release(had.pop())
    (root / "1" / "left").touch()
    root.rename(aside)
    root.symlink_to(outside)
    for keep_as in (None, "kept"):
        with pytest.raises(PlaceTakenError, match=f"`{root}"):
            folders.take(str(root), keep_as=keep_as)
    for folder in had:
        folders.release(folder)
    folders.remove()
    assert sorted(path.name for path in outside.rglob("precious")) == ["precious"] * 9
    assert sorted(os.listdir(outside)) == list(map(str, range(9)))
    assert os.listdir(aside) == []


@pytest.mark.parametrize("gone", ["removed", "moved", "moved, and another one in its place"])
def test_a_root_that_a_job_has_taken_away_is_made_again(tmp_path: Path, gone: str) -> None:
    folders = TempDirs()
    root = tmp_path / "root"
    folders.release(folders.take(str(root)))
    if gone == "removed":
        shutil.rmtree(root)
    else:
        root.rename(tmp_path / "aside")
        if "," in gone:
            root.mkdir()
    folder = folders.take(str(root))
    assert (os.listdir(root), os.listdir(folder.path)) == ([folder.name], [])


def test_something_else_in_the_place_of_a_kept_directory_is_never_used(tmp_path: Path) -> None:
    folders = TempDirs()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.1").symlink_to(tmp_path)
    with pytest.raises(PlaceTakenError, match="exists already"):
        folders.take(str(tmp_path / "root"), keep_as="a.1")


def test_what_was_planted_in_a_free_directory_is_seen_by_no_job(tmp_path: Path) -> None:
    folders = TempDirs()
    folder = folders.take(str(tmp_path))
    time.sleep(0.05)  # so that a change shows in the time of the directory, whatever the clock of the file system is
    folders.release(folder)
    folder = folders.take(str(tmp_path))
    folders.release(folder)
    (Path(folder.path) / "script").symlink_to("/etc/passwd")
    assert os.listdir(folders.take(str(tmp_path)).path) == []


def test_a_script_is_written_into_the_directory_itself(tmp_path: Path) -> None:
    folders = TempDirs()
    root, outside = tmp_path / "root", tmp_path / "outside"
    folder = folders.take(str(root))
    (outside / folder.name).mkdir(parents=True)
    root.rename(tmp_path / "aside")
    root.symlink_to(outside)
    folders.write(folder.path, "script", b"text")
    assert list((outside / folder.name).iterdir()) == []
    assert (tmp_path / "aside" / folder.name / "script").read_bytes() == b"text"


def test_nothing_is_held_open_in_the_end(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    folders = TempDirs()
    folder = folders.take(str(tmp_path))
    folders.remove()
    folders.release(folder)  # its attempt was lost meanwhile
    folders.remove()
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before
