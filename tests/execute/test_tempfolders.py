"""Each attempt has an empty private folder; nothing of an attempt stays, and nobody gets another one's things."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.attempts import Desk, wait_until

from orchestrator.execute.tempfolders import TempFolders


def test_a_folder_is_private_empty_and_nobody_elses(tmp_path: Path) -> None:
    folders = TempFolders()
    first, second = folders.take(str(tmp_path)), folders.take(str(tmp_path))
    assert first.path != second.path
    assert [os.stat(folder.path).st_mode & 0o777 for folder in (first, second)] == [0o700, 0o700]
    assert [os.listdir(folder.path) for folder in (first, second)] == [[], []]


def test_a_root_that_is_missing_is_made_private(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        TempFolders().take(str(tmp_path / "root"))
    finally:
        os.umask(mask)
    assert os.stat(tmp_path / "root").st_mode & 0o777 == 0o700


def test_a_folder_left_as_it_was_serves_again(tmp_path: Path) -> None:
    folders = TempFolders()
    first = folders.take(str(tmp_path))
    folders.give_back(first)
    assert folders.take(str(tmp_path)).path == first.path


@pytest.mark.parametrize("change", ["file", "mode", "gone", "replaced", "link", "tree"])
def test_a_folder_that_was_changed_never_serves_again(tmp_path: Path, change: str) -> None:
    folders = TempFolders()
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
    folders.give_back(folder)
    assert not os.path.lexists(path)
    assert folders.take(str(root)).path != folder.path
    assert os.listdir(outside) == ["precious"]


def test_folders_of_another_root_are_not_given_out(tmp_path: Path) -> None:
    folders = TempFolders()
    folders.give_back(folders.take(str(tmp_path / "one")))
    assert Path(folders.take(str(tmp_path / "two")).path).parent == tmp_path / "two"


def test_nothing_is_left_in_the_end(tmp_path: Path) -> None:
    folders = TempFolders()
    for folder in [folders.take(str(tmp_path)) for _ in range(3)]:
        folders.give_back(folder)
    folders.remove()
    assert os.listdir(tmp_path) == []


def test_attempts_never_see_each_others_files(desk: Desk) -> None:
    script = 'test -z "$(ls -A $PEXEC_TMPDIR)"; touch $PEXEC_TMPDIR/mine; stat -c %a $PEXEC_TMPDIR; sleep 0.01'
    attempts = [desk.start(run=script) for _ in range(20)]
    assert [(attempt.result.exit_code, attempt.log) for attempt in attempts] == [(0, b"700\n")] * 20


def test_the_folder_is_there_while_the_job_runs_and_gone_with_the_run(desk: Desk) -> None:
    attempt = desk.run(run="echo $PEXEC_TMPDIR; ls -d $PEXEC_TMPDIR; touch $PEXEC_TMPDIR/left")
    path, seen, _ = attempt.log.split(b"\n")
    assert path == seen
    assert not os.path.exists(path)
    desk.supervision.close()
    assert os.listdir(desk.folder / "tmp") == []


def test_a_kept_folder_is_named_like_the_log_and_stays(desk: Desk) -> None:
    desk.run(run="echo hello > $PEXEC_TMPDIR/left", keep_temp=True)
    desk.supervision.close()
    assert (desk.folder / "tmp" / "job.1" / "left").read_bytes() == b"hello\n"


def test_a_long_script_is_gone_with_its_attempt(desk: Desk) -> None:
    attempt = desk.start(run=f"ls -l $0; echo ready; sleep 0.1; : {'x' * 200_000}")
    attempt.wait_for_output()
    assert attempt.log.startswith(b"-rw------- ")
    assert attempt.result.exit_code == 0
    assert wait_until(lambda: not any(path.is_file() for path in (desk.folder / "tmp").rglob("*")))
