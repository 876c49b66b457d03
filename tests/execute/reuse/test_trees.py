"""With stored results a tree is the same as if everything had been run: drawn projects, edits and runs, without
processes."""

from __future__ import annotations

import copy
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.small_runs import (
    SMALL_EDITS,
    Edit,
    SmallJob,
    SmallProject,
    SmallRun,
    believing_all_times,
    edit_files,
    edit_project,
    let_the_clock_tick,
    set_up_small,
    small_projects,
)
from support.trees import tree

DRAWN = settings(
    max_examples=60 if settings().max_examples <= 100 else 1000, suppress_health_check=list(HealthCheck), deadline=None
)


@pytest.mark.timeout(3600)
@DRAWN
@given(project=small_projects(), edits=st.lists(SMALL_EDITS, min_size=1, max_size=6), believes=st.booleans())
def test_a_tree_is_the_same_as_if_everything_had_been_run(
    project: SmallProject, edits: list[list[Edit]], believes: bool
) -> None:
    with tempfile.TemporaryDirectory() as scratch, believing_all_times() if believes else nullcontext():
        cached, forced = Path(scratch) / "cached", Path(scratch) / "forced"
        set_up_small(project, cached)
        set_up_small(project, forced)
        other = copy.deepcopy(project)
        for step in [[], *edits]:
            for edit in step:
                edit_files(project, cached, edit)
                edit_files(project, forced, edit)
                edit_project(project, edit)
                edit_project(other, edit)
            let_the_clock_tick(forced)
            one, all_of_it = SmallRun(project, cached, "use"), SmallRun(other, forced, "force")
            assert one.failed == all_of_it.failed
            assert tree(cached) == tree(forced)
            again = SmallRun(project, cached, "use")
            assert tree(cached) == tree(forced)
            assert set(again.ran) <= {name for name in all_of_it.ran if name in one.ran or name in all_of_it.failed}
            let_the_clock_tick(forced)


def test_an_empty_directory_that_was_there_before_is_not_taken_for_an_output(tmp_path: Path) -> None:
    job = SmallJob("many", ["src/s0"], [], [], has_inputs=True)
    project = SmallProject([job], {"s0": "a"})
    set_up_small(project, tmp_path)
    (tmp_path / "out/0/mine").mkdir(parents=True)
    let_the_clock_tick(tmp_path)
    run = SmallRun(project, tmp_path, "use")
    assert "`out/0/mine` was there before it ran; let `outputs` name only what the job makes" in run.remarks
    assert SmallRun(project, tmp_path, "use").ran == ["j0"]
    assert (tmp_path / "out/0/mine").is_dir()


def test_of_a_job_that_did_not_change_a_look_at_its_files_is_enough(tmp_path: Path) -> None:
    job = SmallJob("copy", ["src/s0"], [], [], has_inputs=True, uses_variable=False)
    project = SmallProject([job], {"s0": "a"})
    set_up_small(project, tmp_path)
    with believing_all_times():
        assert SmallRun(project, tmp_path, "use").ran == ["j0"]
        assert [SmallRun(project, tmp_path, "use").looked_at for _ in range(3)] == [1, 1, 1]
        (tmp_path / "src/s0").write_text("b")
        assert SmallRun(project, tmp_path, "use").ran == ["j0"]


def test_a_look_is_not_enough_for_a_job_that_lists_variables_to_inherit(tmp_path: Path) -> None:
    job = SmallJob("copy", ["src/s0"], [], [], has_inputs=True, uses_variable=False, inherits=True)
    project = SmallProject([job], {"s0": "a"})
    set_up_small(project, tmp_path)
    with believing_all_times():
        for value in (None, "", "l"):
            project.listed = value
            assert SmallRun(project, tmp_path, "use").ran == ["j0"], value
            assert [SmallRun(project, tmp_path, "use").ran for _ in range(2)] == [[], []]
