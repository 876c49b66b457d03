"""What is not run again is as if it had been run: the wounds of other tools, each as a test, and drawn projects."""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cli import Pexec
from support.runs import Run, last_run
from support.trees import EDITS, Edit, Project, change, projects, set_up, tree

import orchestrator

DRAWN = settings(
    max_examples=10 if settings().max_examples <= 100 else 1000, suppress_health_check=list(HealthCheck), deadline=None
)


def applied(pexec: Pexec, *arguments: str, exit_code: int = 0) -> Run:
    done = pexec.run("apply", "--output", "quiet", *arguments)
    assert done.exit_code == exit_code, done.stderr
    return last_run(pexec.folder).check()


def ran(run: Run) -> list[str]:
    """The jobs that were run."""
    return [event["job"] for event in run.named("attempt.started")]


GENERATED = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  generate: {inputs: [spec], outputs: [gen/], run: 'mkdir -p gen; tr a-z A-Z < spec > gen/out.h'}
  check: {needs: generate, inputs: [], run: 'true'}
  compile: {needs: check, inputs: ["**/*.h"], outputs: [app], run: 'cat gen/*.h > app'}
"""


def test_a_generated_input_counts_after_it_was_generated_also_if_git_ignores_it_and_at_a_distance(
    pexec: Pexec,
) -> None:
    pexec.file("pexec.yaml", GENERATED).file("spec", "one\n").file(".gitignore", "gen/\n")
    assert ran(applied(pexec)) == ["generate", "check", "compile"]
    assert ran(applied(pexec)) == []
    pexec.file("spec", "two\n")
    assert ran(applied(pexec)) == ["generate", "check", "compile"]
    assert (pexec.folder / "app").read_text() == "TWO\n"
    shutil.rmtree(pexec.folder / "gen")
    (pexec.folder / "app").unlink()
    assert ran(applied(pexec)) == []
    assert (pexec.folder / "app").read_text() == "TWO\n"


def test_a_need_that_ran_and_made_the_same_bytes_changes_nothing(pexec: Pexec) -> None:
    text = GENERATED.replace("tr a-z A-Z < spec >", "wc -l < spec >")
    pexec.file("pexec.yaml", text).file("spec", "one\n")
    applied(pexec)
    pexec.file("spec", "two\n")
    assert ran(applied(pexec)) == ["generate"]


def test_a_need_without_inputs_always_runs_and_its_dependents_only_if_it_made_something_else(pexec: Pexec) -> None:
    text = (
        "version: 1\nworkflows:\n  stamp: {outputs: [v], run: 'cat version > v'}\n"
        "  use: {needs: stamp, inputs: [], outputs: [u], run: 'cat v > u'}\n"
    )
    pexec.file("pexec.yaml", text).file("version", "1")
    applied(pexec)
    assert ran(applied(pexec)) == ["stamp"]
    pexec.file("version", "2")
    assert ran(applied(pexec)) == ["stamp", "use"]


def test_a_job_with_a_need_that_did_not_succeed_is_neither_looked_up_nor_stored(pexec: Pexec) -> None:
    text = (
        "version: 1\nworkflows:\n  a: {run: 'test ! -e broken', allow_failure: true}\n"
        "  b: {needs: a, inputs: [], outputs: [o], run: 'test -e broken && echo bad > o || echo good > o'}\n"
        "  c: {needs: a, when: always, inputs: [], run: 'true'}\n"
    )
    pexec.file("pexec.yaml", text).file("broken", "")
    run = applied(pexec)
    assert [event["job"] for event in run.named("job.must_run")] == []
    (pexec.folder / "broken").unlink()
    assert sorted(ran(applied(pexec))) == ["a", "b", "c"]
    assert (pexec.folder / "o").read_text() == "good\n"
    assert ran(applied(pexec)) == ["a"]


def test_a_job_that_changes_its_own_input_is_not_stored_and_the_file_is_named(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {inputs: ['*.txt'], run: 'echo more >> log.txt'}}\n"
    run = applied(pexec.file("pexec.yaml", text).file("log.txt", "one\n"))
    (note,) = run.named("degraded")
    assert note["what"] == "storing the result of `a`"
    assert "log.txt" in note["why"]
    assert ran(applied(pexec)) == ["a"]


def test_an_output_with_a_secret_is_not_stored(pexec: Pexec) -> None:
    text = (
        "version: 1\nsecrets: {TOKEN: {env: TOKEN}}\nworkflows:\n"
        "  a: {inputs: [], outputs: [o], secrets: TOKEN, run: 'echo \"$TOKEN\" | rev | rev > o'}\n"
    )
    pexec.file("pexec.yaml", text).env(TOKEN="hunter2-hunter2")
    (note,) = applied(pexec).named("degraded")
    assert "contains a secret" in note["why"]
    assert ran(applied(pexec)) == ["a"]
    for path in (pexec.folder / ".pexec/cache").rglob("*"):
        assert path.is_dir() or b"hunter2-hunter2" not in path.read_bytes()


@pytest.mark.timeout(3600)
@DRAWN
@given(project=projects(), edits=st.lists(EDITS, min_size=1, max_size=4))
def test_with_the_cache_a_tree_is_the_same_as_if_everything_had_been_run(
    project: Project, edits: list[list[Edit]]
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        cached, forced = Path(scratch) / "cached", Path(scratch) / "forced"
        other = copy.deepcopy(project)
        set_up(project, cached)
        set_up(other, forced)
        for step in [[], *edits]:
            for edit in step:
                change(project, cached, edit)
                change(other, forced, edit)
            run_in(project, cached, "use")
            run_in(other, forced, "force")
            assert tree(cached) == tree(forced)


def run_in(project: Project, root: Path, cache: str) -> None:
    (root / "pexec.yaml").write_text(project.manifest())
    plan = orchestrator.make_plan(root / "pexec.yaml")
    done = orchestrator.run(plan, run_root=root / ".pexec/runs", cache=cache)  # type: ignore[arg-type]
    assert done.exit_code == 0, orchestrator.read_report(run_root=root / ".pexec/runs").jobs
