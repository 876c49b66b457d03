"""status/<slug>.status: the word is right, whole, and cheap to write."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.observe.status_files import StatusFiles
from orchestrator.report.status import Status

NO_LINKS = OSError(errno.EPERM, "Operation not permitted")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    with create_run(str(tmp_path / "runs")) as run:
        yield run


def content(run: RunDir) -> dict[str, str]:
    directory = Path(run.path, "status")
    return {path.name: path.read_text() for path in sorted(directory.iterdir())}


def test_each_job_has_a_file_that_follows_its_status(run: RunDir) -> None:
    files = StatusFiles(run, ("a", "b"))
    files.write(0, Status.RUNNING)
    files.write(1, Status.RUNNING)
    files.write(0, Status.FAILED)
    files.write(0, Status.FAILED)
    files.close()
    assert content(run) == {"a.status": "FAILED\n", "b.status": "RUNNING\n"}


def test_a_file_of_an_earlier_process_is_replaced(run: RunDir) -> None:
    for status in (Status.FAILED, Status.SUCCESS, Status.SUCCESS):
        files = StatusFiles(run, ("a",))
        files.write(0, status)
        files.close()
        assert content(run) == {"a.status": f"{status}\n"}


def test_it_works_where_there_are_no_hard_links(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NO_LINKS

    monkeypatch.setattr(os, "link", refuse)
    files = StatusFiles(run, ("a",))
    files.write(0, Status.RUNNING)
    files.write(0, Status.SUCCESS)
    files.close()
    assert content(run) == {"a.status": "SUCCESS\n"}


def test_a_source_with_as_many_links_as_allowed_is_replaced_by_a_new_one(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def at_most_four(source: str, name: str, *, src_dir_fd: int, dst_dir_fd: int, follow_symlinks: bool) -> None:
        if os.stat(source, dir_fd=src_dir_fd).st_nlink >= 4:
            raise OSError(errno.EMLINK, "Too many links")
        link(source, name, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", at_most_four)
    slugs = tuple(f"job{number}" for number in range(10))
    files = StatusFiles(run, slugs)
    for number in range(10):
        files.write(number, Status.SUCCESS)
    files.close()
    assert content(run) == {f"{slug}.status": "SUCCESS\n" for slug in sorted(slugs)}
    inodes = {path.stat().st_ino for path in Path(run.path, "status").iterdir()}
    assert len(inodes) == 5  # three links and a file of its own, three times; not ten


def test_a_planted_link_is_replaced_and_not_followed(run: RunDir, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, f"{run.path}/status/a.status")
    files = StatusFiles(run, ("a",))
    files.write(0, Status.SUCCESS)
    files.close()
    assert (victim.read_text(), content(run)) == ("precious", {"a.status": "SUCCESS\n"})


def test_a_file_that_cannot_be_written_is_reported(run: RunDir) -> None:
    os.mkdir(f"{run.path}/status/a.status")
    with pytest.raises(EnvironmentFailedError, match=r"status/a\.status` cannot be written: is a directory"):
        StatusFiles(run, ("a",)).write(0, Status.SUCCESS)
