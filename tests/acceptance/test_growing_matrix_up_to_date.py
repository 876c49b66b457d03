"""A matrix whose values a job of the run writes, and whose jobs have inputs and output files: from outside."""

from __future__ import annotations

import os
import subprocess

import pytest
from support.cli import Pexec
from support.runs import Run, last_run

MANIFEST = """version: 1
workflows:
  plan:
    inputs: [shards.json]
    run: echo "shards=$(cat shards.json)" >> "$PEXEC_OUTPUT_FILE"
    outputs: {shards: {type: json}}
  test:
    needs: plan
    matrix: {shard: {from: needs.plan.outputs.shards}}
    inputs: ["tests/${{ matrix.shard }}/"]
    run: mkdir -p dist && cat tests/${{ matrix.shard }}/* > dist/${{ matrix.shard }}
    outputs: {report: {path: "dist/${{ matrix.shard }}"}, size: {default: "0"}}
  pack:
    needs: {workflow: test, matrix: {shard: "${{ matrix.shard }}"}}
    matrix: {like: test}
    inputs: []
    run: cat ${{ needs.test.outputs.report }}
  all:
    needs: test
    inputs: [dist/]
    run: cat dist/* > all.txt; echo ${{ needs.test.outputs.report | json }}
    outputs: [all.txt]
"""
TEST_A, TEST_B, PACK_A, PACK_B = "test[shard=a]", "test[shard=b]", "pack[shard=a]", "pack[shard=b]"
EVERY = ("plan", TEST_A, TEST_B, PACK_A, PACK_B, "all")


@pytest.fixture
def project(pexec: Pexec) -> Pexec:
    pexec.file("pexec.yaml", MANIFEST).file("shards.json", '["a", "b"]')
    return pexec.file("tests/a/x", "1\n").file("tests/b/x", "2\n")


def applied(pexec: Pexec, *arguments: str, code: int = 0) -> Run:
    said = pexec.run("apply", "--output", "plain", *arguments)
    assert said.exit_code == code, said.stderr
    checked = pexec.run("verify")
    assert checked.exit_code == 0, checked.stdout
    return last_run(pexec.folder)


def ran(run: Run) -> set[str]:
    """The jobs that have run, and not only been found to be up to date."""
    return {event["job"] for event in run.named("attempt.started")}


def test_nothing_runs_again_that_depends_on_nothing_that_has_changed(project: Pexec) -> None:
    assert ran(applied(project)) == set(EVERY)
    run = applied(project)
    assert ran(run) == set()
    assert {event["job"]: event["cached"] for event in run.named("job.cached")} == dict.fromkeys(EVERY, "kept")
    (again,) = run.named("job.cached", job=PACK_A)
    assert (run.path / again["log"]).read_bytes() == b"1\n"
    assert "6 of 6 jobs succeeded" in project.run("status").stdout


def test_a_changed_input_of_one_job_runs_it_and_what_depends_on_it(project: Pexec) -> None:
    applied(project)
    project.file("tests/b/x", "3\n")
    run = applied(project)
    assert ran(run) == {TEST_B, PACK_B, "all"}
    (must_run,) = run.named("job.must_run", job=TEST_B)
    assert must_run["because"][0].startswith("tests/b/x changed")
    assert (project.folder / "all.txt").read_text() == "1\n3\n"


def test_a_new_value_runs_its_job_and_what_needs_all(project: Pexec) -> None:
    applied(project)
    project.file("tests/c/x", "4\n").file("shards.json", '["b", "c"]')
    (project.folder / "dist/a").unlink()
    assert ran(applied(project)) == {"plan", "test[shard=c]", "pack[shard=c]", "all"}
    assert (project.folder / "all.txt").read_text() == "2\n4\n"
    project.file("shards.json", '["a", "b"]')
    (project.folder / "dist/c").unlink()
    run = applied(project)
    assert ran(run) == set()
    assert (project.folder / "all.txt").read_text() == "1\n2\n"
    assert {event["job"] for event in run.named("job.cached", cached="restored")} == {TEST_A, "all"}


def test_a_missing_output_of_one_job_is_restored(project: Pexec) -> None:
    applied(project)
    (project.folder / "dist/a").unlink()
    run = applied(project)
    assert ran(run) == set()
    assert [event["job"] for event in run.named("job.cached", cached="restored")] == [TEST_A]
    assert (project.folder / "dist/a").read_text() == "1\n"


def test_a_declared_output_that_one_job_does_not_make_fails_it(project: Pexec) -> None:
    project.file("shards.json", '["a"]').file(
        "pexec.yaml", MANIFEST.replace('path: "dist/${{ matrix.shard }}"', "path: dist/other")
    )
    run = applied(project, code=1)
    assert run.reason(TEST_A) == "declared output `dist/other` was not created"


@pytest.mark.parametrize(
    ("path", "shards", "reason"),
    [
        ("dist/one", '["a", "b"]', "the output `dist/one` of `test[shard=b]` is an output of `test[shard=a]`"),
        (
            "${{ matrix.shard }}",
            '["d", "d/e"]',
            "the output `d/e` of `test[shard=d/e]` is in `d`, an output of `test[shard=d]`",
        ),
        ("${{ matrix.shard }}", '["all.txt"]', "the output `all.txt` of `test[shard=all.txt]` is an output of `all`"),
        ("${{ matrix.shard }}", '["*"]', "`*` cannot be part of a path in its `outputs`"),
        ("d/${{ matrix.shard }}", '["../x"]', "`../x` cannot be part of a path in its `inputs`"),
        ("${{ matrix.shard }}", '[".git"]', "the output `.git` of `test[shard=.git]` is in `.git`"),
        ("tests/${{ matrix.shard }}", '["a"]', "the output `tests/a` of `test[shard=a]` is also an input of it"),
    ],
)  # fmt: skip
def test_files_that_two_jobs_would_make_or_none_may_fail_the_matrix(
    project: Pexec, path: str, shards: str, reason: str
) -> None:
    manifest = MANIFEST.split("  pack:", maxsplit=1)[0] + MANIFEST[MANIFEST.index("  all:") :]
    manifest = manifest.replace('dist/${{ matrix.shard }}"', path + '"').replace("inputs: [dist/]", "inputs: []")
    project.file("shards.json", shards).file("pexec.yaml", manifest)
    run = applied(project, code=1)
    assert run.statuses == {"plan": "succeeded", "test[shard=*]": "failed", "all": "skipped"}
    assert run.reason("test[shard=*]") == reason


def test_the_plan_says_that_it_may_run(project: Pexec) -> None:
    for _ in range(2):
        said = project.run("plan").stdout
        assert "test[shard=*]" in said
        assert said.count("may run") == 3
        applied(project)


def git(pexec: Pexec, *arguments: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    subprocess.run(command, cwd=pexec.folder, check=True, capture_output=True, env=environ)


def test_since_a_revision_they_run_whose_directory_has_changed(project: Pexec) -> None:
    (project.folder / ".git").rmdir()
    project.file(".gitignore", "dist/\nall.txt\n.pexec/\n").file("other/x", "")
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "first")
    project.file("other/x", "1")
    said = project.run("apply", "--since", "HEAD")
    assert "nothing to do" in said.stderr
    project.file("tests/b/x", "5\n")
    run = applied(project, "--since", "HEAD")
    assert run.statuses == dict.fromkeys(EVERY, "succeeded")


def test_a_resume_of_a_changed_manifest_compares_inputs_again(project: Pexec) -> None:
    manifest = (project.folder / "pexec.yaml").read_text()
    project.file("pexec.yaml", manifest.replace("cat dist/* > all.txt", "exit 3"))
    applied(project, code=1)
    project.file("tests/b/x", "6\n").file("pexec.yaml", manifest)
    said = project.run("resume", "--output", "plain")
    assert said.exit_code == 0, said.stderr
    run = last_run(project.folder)
    assert ran(run) == {TEST_B, PACK_B, "all"}
    assert (project.folder / "all.txt").read_text() == "1\n6\n"
    assert project.run("verify").exit_code == 0


def test_a_resume_of_the_same_manifest_says_whose_inputs_have_changed(project: Pexec) -> None:
    project.file(
        "pexec.yaml", (project.folder / "pexec.yaml").read_text().replace("cat dist/* > all.txt", "test -e go")
    )
    applied(project, code=1)
    project.file("tests/b/x", "7\n")
    said = project.run("resume", "--output", "plain")
    assert "pexec: `test[shard=b]` is not run again, although since its success tests/b/x changed" in said.stderr
    assert "`test[shard=a]` is not run again" not in said.stderr
