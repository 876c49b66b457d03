"""The hook in `.pre-commit-hooks.yaml`, driven by the real pre-commit from a commit in a user's repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pre_commit import PreCommit
from support.shared import made_once

pytestmark = [pytest.mark.pre_commit, pytest.mark.timeout(1200)]

GOOD = "version: 1\nworkflows:\n  build:\n    run: make\n"
BAD = "version: 1\nworkflows:\n  build:\n    rum: make\n"


@pytest.fixture(scope="session")
def pre_commit(tmp_path_factory: pytest.TempPathFactory) -> PreCommit:
    # pre-commit installs the hook once for all who share its cache.
    return PreCommit(made_once(tmp_path_factory, "pre-commit", PreCommit))


def test_a_commit_of_good_manifests_goes_through(pre_commit: PreCommit, tmp_path: Path) -> None:
    repository = pre_commit.repository(tmp_path / "user", {"pexec.yaml": GOOD, "ci/pexec.yml": GOOD})
    done = pre_commit.git(repository, "commit", "-q", "-m", "Good")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "validate pexec manifests.................................................Passed\n"


def test_a_commit_of_a_bad_manifest_is_refused_with_its_line(pre_commit: PreCommit, tmp_path: Path) -> None:
    repository = pre_commit.repository(tmp_path / "user", {"ci/pexec.yaml": BAD})
    done = pre_commit.git(repository, "commit", "-q", "-m", "Bad")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == """\
validate pexec manifests.................................................Failed
- hook id: pexec-validate
- exit code: 3

error[PX110]: unknown key `rum` in workflow `build`
 --> ci/pexec.yaml:4:5
  |
4 |     rum: make
  |     ^^^
  = help: did you mean `run`?

error: 1 error in ci/pexec.yaml

"""
    )
    assert pre_commit.git(repository, "rev-parse", "--verify", "-q", "HEAD").returncode == 1


def test_other_files_are_not_looked_at(pre_commit: PreCommit, tmp_path: Path) -> None:
    repository = pre_commit.repository(tmp_path / "user", {"mypexec.yaml": BAD, "pexec.yaml.example": BAD})
    done = pre_commit.git(repository, "commit", "-q", "-m", "Other")
    assert done.returncode == 0
    assert done.stderr == "validate pexec manifests.............................(no files to check)Skipped\n"
