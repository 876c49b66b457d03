"""The commit and branch of a directory, compared with what Git says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.app.git_revision import git_revision

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


# Neither the settings of the user, nor the repository in whose hook the tests may run.
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
ENVIRON |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(directory: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=trunk")
    return subprocess.run(
        ["git", *who, *words], cwd=directory, env=ENVIRON, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "below").mkdir(parents=True)
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


def commit_of(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD").strip()


def test_a_branch_and_its_commit_also_from_a_directory_below(repository: Path) -> None:
    assert git_revision(str(repository / "below")) == {"commit": commit_of(repository), "branch": "trunk"}
    git(repository, "checkout", "-q", "-b", "feature/x")
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    assert git_revision(str(repository)) == {"commit": commit_of(repository), "branch": "feature/x"}


def test_packed_branches(repository: Path) -> None:
    git(repository, "branch", "other")
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/trunk").exists()
    assert git_revision(str(repository)) == {"commit": commit_of(repository), "branch": "trunk"}


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert git_revision(str(repository)) == {"commit": commit_of(repository)}


def test_a_linked_work_tree(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    git(tmp_path / "linked", "commit", "-q", "--allow-empty", "-m", "there")
    expected = {"commit": commit_of(tmp_path / "linked"), "branch": "side"}
    assert git_revision(str(tmp_path / "linked")) == expected
    git(repository, "pack-refs", "--all")
    assert git_revision(str(tmp_path / "linked")) == expected


@pytest.mark.parametrize("head", [b"", b"ref: refs/heads/none", b"ref: ../../x", b"nonsense", b"\xff\xfe", b"g" * 9999])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a/.git").mkdir(parents=True)
    (tmp_path / "a/.git/HEAD").write_bytes(head)
    assert git_revision(str(tmp_path / "a")) == {}


def test_without_a_repository_nothing_is_known_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:

    (tmp_path / "a/.git").mkdir(parents=True)
    assert git_revision(str(tmp_path / "a")) == {}
    os.mkfifo(tmp_path / "a/.git/HEAD")
    assert git_revision(str(tmp_path / "a")) == {}


def test_a_repository_without_a_commit_has_no_revision(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git_revision(str(tmp_path)) == {}
