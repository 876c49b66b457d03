"""`--since REV`: only what depends on the changes since a Git revision."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest
from support.cli import Pexec
from support.runs import last_run, runs

MANIFEST = """\
version: 1
workflows:
  lib: {inputs: ["lib/**"], outputs: [lib.o], run: 'cat lib/* > lib.o'}
  app: {needs: lib, inputs: ["app/"], outputs: [app.o], run: 'cat lib.o app/* > app.o'}
  docs: {inputs: ["docs/*.md", "!docs/draft.md", {path: local.cfg, optional: true}], run: 'true'}
  all-docs: {needs: docs}
"""


def git(pexec: Pexec, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *identity, *arguments], cwd=pexec.folder, check=True, capture_output=True, env=environ)


@pytest.fixture
def project(pexec: Pexec) -> Pexec:
    """A repository with one commit, tagged `v1`."""
    (pexec.folder / ".git").rmdir()
    pexec.file("pexec.yaml", MANIFEST).file("lib/a", "a\n").file("app/b", "b\n").file("docs/c.md", "c\n")
    pexec.file(".gitignore", "*.o\nlocal.cfg\n.pexec/\n").file("docs/draft.md", "")
    git(pexec, "init", "-q")
    git(pexec, "add", "-A")
    git(pexec, "commit", "-q", "-m", "first")
    git(pexec, "tag", "v1")
    return pexec


def planned(pexec: Pexec, *arguments: str) -> list[str]:
    """The jobs that `apply --since v1` would run."""
    done = pexec.run("apply", "--since", "v1", "--output", "quiet", *arguments)
    assert done.exit_code == 0, done.stderr
    return [job["id"] for job in last_run(pexec.folder).json("plan.json")["jobs"]]


CHANGES: dict[str, tuple[Callable[[Pexec], object], list[str]]] = {
    "an uncommitted file": (lambda pexec: pexec.file("app/b", "x\n"), ["lib", "app"]),
    "an untracked file": (lambda pexec: pexec.file("docs/new.md", ""), ["docs", "all-docs"]),
    "a deleted file": (lambda pexec: (pexec.folder / "docs/c.md").unlink(), ["docs", "all-docs"]),
    "a need": (lambda pexec: pexec.file("lib/z", ""), ["lib", "app"]),
    "an ignored file that is named": (lambda pexec: pexec.file("local.cfg", ""), ["docs", "all-docs"]),
    "the manifest": (
        lambda pexec: pexec.file("pexec.yaml", MANIFEST + "# more\n"), ["lib", "app", "docs", "all-docs"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_jobs_with_changed_inputs_run_with_what_they_need_and_what_needs_them(project: Pexec, name: str) -> None:
    edit, jobs = CHANGES[name]
    edit(project)
    assert set(planned(project)) == set(jobs)


def test_committed_changes_count_too(project: Pexec) -> None:
    project.file("docs/c.md", "more\n")
    git(project, "commit", "-qam", "second")
    done = project.run("plan", "--since", "v1", "--format", "json")
    assert '"docs"' in done.stdout
    assert "pexec: 2 of 4 jobs depend on what has changed since `v1` (" in done.stderr
    nothing = project.run("apply", "--since", "HEAD")
    assert nothing.exit_code == 0
    assert nothing.stderr.startswith("pexec: nothing to do: no job depends on what has changed since `HEAD` (")
    assert runs(project.folder) == []


def test_what_no_job_depends_on_changes_nothing(project: Pexec) -> None:
    project.file("README", "").file("docs/draft.md", "changed\n")
    done = project.run("apply", "--since", "v1")
    assert (done.exit_code, runs(project.folder)) == (0, [])


def test_a_job_without_inputs_always_runs_and_needs_come_along_up_to_date(project: Pexec) -> None:
    project.file("pexec.yaml", MANIFEST + "  deploy: {needs: app, run: 'true'}\n")
    git(project, "commit", "-qam", "second")
    git(project, "tag", "-f", "v1")
    assert set(planned(project)) == {"lib", "app", "deploy"}
    assert set(planned(project)) == {"lib", "app", "deploy"}
    run = last_run(project.folder).check()
    assert [event["job"] for event in run.named("job.cached")] == ["lib", "app"]


def test_a_revision_that_does_not_exist_and_a_directory_without_git_are_usage_errors(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    (pexec.folder / ".git").rmdir()
    without = pexec.run("apply", "--since", "v1")
    assert (without.exit_code, "requires a Git repository" in without.stderr) == (2, True)
    git(pexec, "init", "-q")
    for revision in ("nope", "--output=x"):
        done = pexec.run("apply", f"--since={revision}")
        assert (done.exit_code, "is not a revision of the repository" in done.stderr) == (2, True)
