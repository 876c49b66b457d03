"""A tree is removed whatever it looks like, and nothing but the tree."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from orchestrator.journal import safe_files
from orchestrator.journal.safe_files import remove_tree


def dig(directory: Path, depth: int) -> None:
    """Make directories inside each other, each with a file, deeper than any path can be long."""
    inner = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth):
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=inner))
        os.mkdir("deep", dir_fd=inner)
        outer, inner = inner, os.open("deep", os.O_RDONLY | os.O_DIRECTORY, dir_fd=inner)
        os.close(outer)
    os.close(inner)


def remove(path: Path) -> None:
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        remove_tree(parent, path.name)
    finally:
        os.close(parent)


def test_a_tree_is_removed_that_is_deeper_than_a_function_may_call_itself() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as memory:
        tree = Path(memory) / "tree"
        tree.mkdir()
        dig(tree, sys.getrecursionlimit() + 200)
        before = len(os.listdir("/proc/self/fd"))
        remove(tree)
        assert os.listdir(memory) == []
        assert len(os.listdir("/proc/self/fd")) == before


def test_folders_that_move_up_take_no_name_that_is_there(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("0/1/2", "1/0", "2/a/3", "a/0/1", "a/1/0/deep", "b/2", "b/3/2"):
        (tree / name).mkdir(parents=True)
        (tree / name / "file").touch()
    for name in ("3", "4", "b/3/0"):
        (tree / name).touch()
    remove(tree)
    assert os.listdir(tmp_path) == []


def test_what_links_lead_to_stays(tmp_path: Path) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    for directory in (outside / "inner", tree / "a" / "b"):
        directory.mkdir(parents=True)
    (outside / "inner" / "precious").touch()
    for number, place in enumerate((tree, tree / "a", tree / "a" / "b")):
        (place / f"folder{number}").symlink_to(outside)
        (place / f"file{number}").symlink_to(outside / "inner" / "precious")
        os.mkfifo(place / f"pipe{number}")
    remove(tree)
    assert [path.name for path in tmp_path.rglob("*")] == ["outside", "inner", "precious"]
    (tmp_path / "link").symlink_to(outside)
    with pytest.raises(NotADirectoryError):
        remove(tmp_path / "link")
    assert (outside / "inner" / "precious").exists()


def test_folders_that_may_not_be_written_are_removed(tmp_path: Path) -> None:
    """Matters to an ordinary user: caches of some tools are so."""
    tree = tmp_path / "tree"
    (tree / "a" / "b" / "c").mkdir(parents=True)
    for directory in (tree / "a" / "b" / "c", tree / "a" / "b", tree / "a", tree):
        (directory / "file").touch()
        directory.chmod(0)
    remove(tree)
    assert os.listdir(tmp_path) == []


def test_a_tree_that_someone_else_removes_too_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    for name in ("a/own/deep", "a/b/c"):
        (tree / name).mkdir(parents=True)
        (tree / name / "file").touch()
    emptied = safe_files._emptied

    def with_another(directory: int) -> list[str]:
        found = emptied(directory)
        if "own" in found:
            shutil.rmtree(tree / "0" / "own", ignore_errors=True)
            shutil.rmtree(tree / "a" / "own", ignore_errors=True)
        return found

    monkeypatch.setattr(safe_files, "_emptied", with_another)
    remove(tree)
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_removed_is_told_after_all_else_is_gone(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("a/mount", "a/z/deep", "b/c"):
        (tree / name).mkdir(parents=True)
        (tree / name / "file").touch()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs none {tree}/a/mount") != 0:
        pytest.skip("nothing can be mounted here, and whatever else there is can be removed")
    try:
        with pytest.raises(OSError, match=r"not empty|busy"):
            remove(tree)
        left = [str(path.relative_to(tree)) for path in tree.rglob("*")]
    finally:
        os.system(f"umount {tree}/a/mount")
    assert left == ["a", "a/mount"]
