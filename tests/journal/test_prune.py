"""Old runs go whole; those that are driven, that can go on, or that are new stay."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.journals import nightly, stopped
from support.stories import Story
from support.told_runs import start, tell

from orchestrator.journal.prune import Pruned, prune
from orchestrator.journal.rundir import create_run, list_runs


def run_id(day: int) -> str:
    return f"202601{day:02}T030405.000000Z-0123abcd"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six runs: all have ended but the second, which was killed."""
    for day in range(1, 7):
        story = nightly()
        if day == 2:
            story.events.pop()
        tell(tmp_path / "runs", story, run_id=run_id(day))
    return tmp_path / "runs"


def left(root: Path) -> list[int]:
    """The days of the runs that are there; and there is nothing else."""
    assert sorted(os.listdir(root)) == list_runs(str(root))
    return [int(name[6:8]) for name in list_runs(str(root))]


def test_the_newest_stay_and_older_ones_go_unless_they_can_go_on(root: Path) -> None:
    assert prune(str(root), 3) == Pruned((run_id(1), run_id(3)), ((run_id(2), "it was interrupted and can go on"),))
    assert left(root) == [2, 4, 5, 6]


def test_interrupted_runs_go_when_that_is_asked(root: Path) -> None:
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


def test_a_run_that_is_driven_stays_whatever_its_journal_says(tmp_path: Path) -> None:
    with start(tmp_path, nightly(), run_id=run_id(1)), start(tmp_path, stopped_half(), run_id=run_id(2)):
        stays = ((run_id(1), "it is running"), (run_id(2), "it is running"))
        assert prune(str(tmp_path), 0, interrupted=True) == Pruned((), stays)
    assert left(tmp_path) == [1, 2]


def stopped_half() -> Story:
    story = stopped()
    del story.events[20:]
    return story


def test_a_run_that_has_not_begun_stays_unless_interrupted_ones_go(tmp_path: Path) -> None:
    with create_run(str(tmp_path)) as run:
        assert prune(str(tmp_path), 0).kept == ((run.run_id, "it was interrupted and can go on"),)
        assert prune(str(tmp_path), 0, interrupted=True).removed == (run.run_id,)


def test_what_another_prune_left_half_done_is_removed_and_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    (root / run_id(1) / "logs" / "away").symlink_to(precious)
    (root / f".pruned-{run_id(9)}" / "logs").mkdir(parents=True)
    (root / f".pruned-{run_id(9)}" / "logs" / "away").symlink_to(precious)
    assert prune(str(root), 5).removed == (run_id(1),)
    assert left(root) == [2, 3, 4, 5, 6]
    assert (precious / "file").read_text() == "precious"


def test_several_that_remove_the_same_run_are_not_in_each_others_way(root: Path) -> None:
    for number in range(100):
        (root / f".pruned-{run_id(9)}" / f"{number}" / "a/b/c/d").mkdir(parents=True)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: prune(str(root), 5), range(8)))
    assert left(root) == [2, 3, 4, 5, 6]
