"""Old runs are removed whole; driven, resumable and new runs are kept."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.journals import nightly, stopped
from support.recorded_runs import damage, record, start
from support.stories import DRIVER, Story
from support.worlds import job, plan

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal import prune as module
from orchestrator.journal.prune import Pruned, prune
from orchestrator.journal.rundir import RunDir, create_run, list_runs, open_run
from orchestrator.journal.writer import JournalWriter


def run_id(day: int) -> str:
    return f"202601{day:02}T030405.000000Z-0123abcd"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six runs: all have ended but the second, which was killed."""
    for day in range(1, 7):
        story = nightly()
        if day == 2:
            story.events.pop()
        record(tmp_path / "runs", story, run_id=run_id(day))
    return tmp_path / "runs"


def left(root: Path) -> list[int]:
    """The days of the runs that are left; nothing else may be."""
    assert sorted(os.listdir(root)) == list_runs(str(root))
    return [int(name[6:8]) for name in list_runs(str(root))]


def test_the_newest_runs_are_kept_and_older_ones_removed_unless_they_can_be_resumed(root: Path) -> None:
    assert prune(str(root), 3) == Pruned(
        (run_id(1), run_id(3)), ((run_id(2), "it was interrupted and can be resumed"),)
    )
    assert left(root) == [2, 4, 5, 6]


def test_interrupted_runs_are_removed_on_request(root: Path) -> None:
    assert prune(str(root), 1, interrupted=True) == Pruned(tuple(map(run_id, range(1, 6))), ())
    assert left(root) == [6]


def test_none_and_all_can_be_kept(root: Path) -> None:
    assert prune(str(root)) == Pruned((), ())
    assert prune(str(root), 6) == Pruned((), ())
    assert prune(str(root), 0, interrupted=True).removed == tuple(map(run_id, range(1, 7)))
    assert left(root) == []
    assert prune(str(root), 0) == Pruned((), ())


def test_a_dry_run_removes_nothing(root: Path) -> None:
    assert prune(str(root), 3, dry_run=True).removed == (run_id(1), run_id(3))
    assert left(root) == [1, 2, 3, 4, 5, 6]


def test_a_driven_run_is_kept_whatever_its_journal_says(tmp_path: Path) -> None:
    with start(tmp_path, nightly(), run_id=run_id(1)), start(tmp_path, stopped_half(), run_id=run_id(2)):
        stays = ((run_id(1), "it is running"), (run_id(2), "it is running"))
        assert prune(str(tmp_path), 0, interrupted=True) == Pruned((), stays)
    assert left(tmp_path) == [1, 2]


def stopped_half() -> Story:
    story = stopped()
    del story.events[20:]
    return story


def test_a_run_that_has_not_started_is_kept_unless_interrupted_runs_are_removed(tmp_path: Path) -> None:
    with create_run(str(tmp_path)) as run:
        assert prune(str(tmp_path), 0).kept == ((run.run_id, "it was interrupted and can be resumed"),)
        assert prune(str(tmp_path), 0, interrupted=True).removed == (run.run_id,)


def test_what_another_prune_left_unfinished_is_removed_and_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    (root / run_id(1) / "logs" / "away").symlink_to(precious)
    (root / f".pruned-{run_id(9)}" / "logs").mkdir(parents=True)
    (root / f".pruned-{run_id(9)}" / "logs" / "away").symlink_to(precious)
    assert prune(str(root), 5).removed == (run_id(1),)
    assert left(root) == [2, 3, 4, 5, 6]
    assert (precious / "file").read_text() == "precious"


def test_processes_that_remove_the_same_run_do_not_disturb_each_other(root: Path) -> None:
    for number in range(100):
        (root / f".pruned-{run_id(9)}" / f"{number}" / "a/b/c/d").mkdir(parents=True)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: prune(str(root), 5), range(8)))
    assert left(root) == [2, 3, 4, 5, 6]


def test_sparing_keeps_the_last_run_of_a_manifest_unless_it_succeeded(tmp_path: Path) -> None:
    for day, (manifest, result) in enumerate(
        (("a", "FAILED"), ("a", "FAILED"), ("b", "SUCCESS"), ("c", "FAILED"), ("d", "SUCCESS")), 1
    ):
        story = Story(plan(job("a")), invocation={"words": [manifest]} if manifest != "c" else {})
        story.finish(1.0, result, 0 if result == "SUCCESS" else 1)
        record(tmp_path, story, run_id=run_id(day))
    damage(tmp_path / run_id(5), 1)  # its manifest is unknown, so it counts for none
    why = "it did not succeed, and it is the last run of its manifest"
    spared = Pruned((run_id(1), run_id(3)), ((run_id(2), why), (run_id(4), why)))
    assert prune(str(tmp_path), 1, sparing=True) == spared


def test_a_later_run_that_disappears_is_not_counted_as_one_of_its_manifest(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "list_runs", lambda _: [run_id(1), run_id(8)])
    kept = prune(str(root), 1, sparing=True).kept
    assert kept == ((run_id(1), "it did not succeed, and it is the last run of its manifest"),)


def test_a_run_that_another_process_removes_at_the_same_time_is_skipped(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "list_runs", lambda _: [run_id(9), run_id(1), run_id(3)])
    assert prune(str(root), 1) == Pruned((run_id(1),), ())


def test_a_run_that_cannot_be_opened_is_an_error(root: Path, tmp_path: Path) -> None:
    (root / run_id(1)).rename(tmp_path / "elsewhere")
    (root / run_id(1)).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentFailedError, match="is a link"):
        prune_listed(root, [run_id(1)])


def prune_listed(root: Path, runs: list[str]) -> Pruned:
    """Prune as if these were all runs, which `list_runs` would not list."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "list_runs", lambda _: runs)
        return prune(str(root), 0)


@pytest.mark.parametrize(
    ("between", "why"),
    [("drive", "it is running"), ("resume", "it was interrupted and can be resumed")],
)
def test_a_run_that_is_resumed_just_before_it_would_be_removed_is_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch, between: str, why: str
) -> None:
    check = module._is_in_use
    drivers = []

    def resume_afterwards(run: RunDir, interrupted: bool) -> str | None:
        found = check(run, interrupted)
        other = open_run(str(root), run.run_id)
        other.lock()
        writer = JournalWriter(other, run.run_id, next_seq=36)
        writer.emit("run.resumed", 9.5, **DRIVER, max_parallel_jobs=1)
        writer.close()
        if between == "drive":
            drivers.append(other)
        else:
            other.close()
        return found

    monkeypatch.setattr(module, "_is_in_use", resume_afterwards)
    assert prune(str(root), 5).kept == ((run_id(1), why),)
    assert left(root) == [1, 2, 3, 4, 5, 6]
    for driver in drivers:
        driver.close()


@pytest.mark.parametrize(
    ("call", "message"), [("rename", f"{run_id(1)}` cannot be removed"), ("listdir", "` cannot be cleared")]
)
def test_a_root_that_cannot_be_changed_is_reported(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, message: str
) -> None:
    real = getattr(os, call)

    def fail(*arguments: Any, **keys: Any) -> Any:
        if call == "listdir" and not isinstance(arguments[0], int):
            return real(*arguments, **keys)
        if call == "listdir" and sorted(real(arguments[0]))[-1:] == ["tmp"]:  # the temporary files of a run
            return real(*arguments, **keys)
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(EnvironmentFailedError, match=f"{message}: read-only file system"):
        prune(str(root), 5)
