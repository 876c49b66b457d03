"""What is remembered of how long jobs took: joined by any number of writers, never in the way, of no consequence."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from pathlib import Path

import pytest
from support.disks import small_disk

from orchestrator.journal import durations
from orchestrator.journal.durations import MOST_MANIFESTS, NAME, SPARE_JOBS, joined, recall, remember
from orchestrator.journal.rundir import create_run


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A root in which there is a run."""
    create_run(str(tmp_path / ".pexec/runs")).close()
    return str(tmp_path / ".pexec/runs")


def file_of(root: str) -> Path:
    return Path(root).parent / NAME


def test_what_was_seen_is_known_and_later_runs_count_more(root: str, tmp_path: Path) -> None:
    manifest = str(tmp_path / "pexec.yaml")
    assert recall(root, manifest) == {}
    remember(root, manifest, {"a": 1.5, "b": 8.0})
    assert recall(root, manifest) == {"a": 1.5, "b": 8.0}
    remember(root, manifest, {"b": 4.0, "c": 0.25})
    assert recall(root, manifest) == {"a": 1.5, "b": 6.0, "c": 0.25}
    assert file_of(root).stat().st_mode & 0o777 == 0o600


def test_a_job_that_would_have_taken_longer_took_at_least_that(root: str) -> None:
    remember(root, "-", {"a": 8.0, "b": 1.0})
    remember(root, "-", {}, at_least={"a": 2.0, "b": 2.0, "c": 2.0})
    assert recall(root, "-") == {"a": 8.0, "b": 2.0, "c": 2.0}


def test_a_run_without_durations_writes_nothing(root: str, tmp_path: Path) -> None:
    remember(root, "pexec.yaml", {})
    assert not (tmp_path / ".pexec" / NAME).exists()


def test_each_manifest_has_its_own_and_a_project_may_move(root: str, tmp_path: Path) -> None:
    remember(root, str(tmp_path / "one.yaml"), {"a": 1.0})
    remember(root, str(tmp_path / "ci/two.yaml"), {"a": 2.0})
    remember(root, "-", {"a": 3.0})
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / ".pexec").rename(moved / ".pexec")
    known = [recall(str(moved / ".pexec/runs"), name) for name in (f"{moved}/one.yaml", f"{moved}/ci/two.yaml", "-")]
    assert known == [{"a": 1.0}, {"a": 2.0}, {"a": 3.0}]


def test_a_root_of_another_name_holds_the_file_itself_and_a_link_is_not_followed(tmp_path: Path) -> None:
    create_run(str(tmp_path / "builds")).close()
    remember(str(tmp_path / "builds"), "pexec.yaml", {"a": 1.0})
    assert (tmp_path / "builds" / NAME).exists()
    (tmp_path / "link").symlink_to(tmp_path / "builds")
    assert recall(str(tmp_path / "link"), "pexec.yaml") == {}
    remember(str(tmp_path / "link"), "pexec.yaml", {"b": 1.0})
    assert recall(str(tmp_path / "builds"), "pexec.yaml") == {"a": 1.0}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"version":2,"manifests":{"pexec.yaml":{"a":1}}}',
        b'{"version":1,"manifests":[]}',
        b'{"version":1,"manifests":{"pexec.yaml":[1]}}',
        b'{"version":1,"manifests":{"pexec.yaml":{"a":true,"b":"1","c":-1,"d":NaN,"e":Infinity,"f":null,"g":{}}}}',
    ],
)
def test_what_is_damaged_counts_as_nothing_known_and_is_replaced(root: str, tmp_path: Path, content: bytes) -> None:
    file_of(root).write_bytes(content)
    manifest = str(tmp_path / "pexec.yaml")
    assert recall(root, manifest) == {}
    remember(root, manifest, {"a": 1.0})
    assert recall(root, manifest) == {"a": 1.0}


@pytest.mark.parametrize("plant", ["link", "fifo", "directory"])
def test_what_was_planted_in_its_place_is_neither_read_nor_followed(root: str, tmp_path: Path, plant: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text('{"version":1,"manifests":{"-":{"a":1}}}')
    match plant:
        case "link":
            file_of(root).symlink_to(victim)
        case "fifo":
            os.mkfifo(file_of(root))
        case _:
            file_of(root).mkdir()
    before = victim.read_text()
    assert recall(root, "-") == {}
    remember(root, "-", {"b": 2.0})
    assert victim.read_text() == before
    assert recall(root, "-") == ({} if plant == "directory" else {"b": 2.0})


def test_many_writers_that_all_get_the_lock_lose_nothing(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "_PATIENCE", 120.0)  # the order in which a busy machine gives the lock is its own

    def write(number: int) -> None:
        for step in range(10):
            remember(root, f"{number}.yaml", {f"job-{step}": 1.0})

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with contextlib.suppress(FileNotFoundError):
            assert json.loads(file_of(root).read_text())["version"] == 1
    for number in range(4):
        assert len(recall(root, f"{number}.yaml")) == 10


def test_who_cannot_have_the_lock_forgets_and_does_not_wait_for_ever(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durations, "_PATIENCE", 0.1)
    holder = os.open(Path(root).parent, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    remember(root, "-", {"a": 1.0})
    os.close(holder)
    assert recall(root, "-") == {}


def test_a_full_disk_keeps_what_was_known(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        root = str(disk / ".pexec/runs")
        create_run(root).close()
        remember(root, "-", {"a": 1.0})
        remember(root, "-", {f"{'long' * 20}-{number}": 1.0 for number in range(2000)})
        assert recall(root, "-") == {"a": 1.0}
        assert sorted(os.listdir(disk / ".pexec")) == [NAME, ".gitignore", "runs"]


def test_it_does_not_grow_for_ever() -> None:
    known: dict[str, float] = {}
    for run in range(5):
        known = joined(known, {f"{run}-{number}": 1.0 for number in range(800)})
    assert len(known) == 2 * 800 + SPARE_JOBS
    assert "0-0" not in known
    assert "4-0" in known


def test_the_manifests_that_were_run_last_are_remembered(root: str) -> None:
    for number in range(MOST_MANIFESTS + 2):
        remember(root, f"{number}.yaml", {"a": 1.0})
    assert [bool(recall(root, f"{number}.yaml")) for number in (0, 1, 2, MOST_MANIFESTS + 1)] == [
        False,
        False,
        True,
        True,
    ]
