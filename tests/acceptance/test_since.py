"""`--since REV`: only what depends on the changes since a Git revision."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

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


def git(where: Pexec | Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    folder = where if isinstance(where, Path) else where.folder
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, env=environ)


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


def test_a_script_that_a_job_starts_counts(project: Pexec) -> None:
    project.file("pexec.yaml", "version: 1\nworkflows: {a: {inputs: [], run: sh ./ci/build.sh}}\n").file(
        "ci/build.sh", ""
    )
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    git(project, "tag", "-f", "v1")
    assert project.run("plan", "--since", "v1").stderr.startswith("pexec: nothing to do")
    project.file("ci/build.sh", "true\n")
    assert planned(project) == ["a"]


def test_a_renamed_file_counts_where_it_was_and_where_it_is(project: Pexec) -> None:
    git(project, "mv", "docs/c.md", "lib/c.md")
    assert set(planned(project)) == {"lib", "app", "docs", "all-docs"}
    git(project, "commit", "-qam", "renamed")
    assert set(planned(project)) == {"lib", "app", "docs", "all-docs"}


@pytest.mark.parametrize(
    "name", ["with space", "quo'te\"", "line\nend", "tab\tand\\", "-dash", b"not-\xff-utf8", "ünï"]
)
def test_a_file_counts_whatever_its_name_is(project: Pexec, name: str | bytes) -> None:
    (project.folder / "lib" / os.fsdecode(name)).write_text("")
    assert set(planned(project)) == {"lib", "app"}
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    assert set(planned(project)) == {"lib", "app"}
    git(project, "tag", "-f", "v1")
    (project.folder / "lib" / os.fsdecode(name)).write_text("changed")
    assert set(planned(project)) == {"lib", "app"}


def test_files_that_only_the_users_own_rules_ignore_count_as_they_do_for_inputs(project: Pexec) -> None:
    project.file(".git/info/exclude", "*.private\n").file("docs/x.md.private", "")
    project.file("mine", "new.md\n")
    git(project, "config", "core.excludesFile", str(project.folder / "mine"))
    project.file("docs/new.md", "")
    assert set(planned(project)) == {"docs", "all-docs"}


def test_files_that_git_was_told_not_to_look_at_count(project: Pexec) -> None:
    git(project, "update-index", "--assume-unchanged", "docs/c.md")
    assert set(planned(project)) == {"docs", "all-docs"}
    git(project, "update-index", "--no-assume-unchanged", "docs/c.md")
    git(project, "update-index", "--skip-worktree", "lib/a")
    assert set(planned(project)) == {"lib", "app"}


def test_an_edit_that_keeps_size_and_time_counts_whatever_git_is_configured_to_believe(project: Pexec) -> None:
    git(project, "config", "core.trustctime", "false")
    git(project, "config", "core.checkStat", "minimal")
    git(project, "config", "diff.relative", "true")
    git(project, "update-index", "--refresh")
    file = project.folder / "lib/a"
    facts = file.stat()
    os.utime(file, ns=(facts.st_mtime_ns, facts.st_mtime_ns - 10**10))
    git(project, "update-index", "--refresh")
    while int(time.time()) <= int(file.stat().st_ctime):  # Git compares seconds
        time.sleep(0.01)
    file.write_text("A\n")
    os.utime(file, ns=(facts.st_mtime_ns, facts.st_mtime_ns - 10**10))
    assert set(planned(project)) == {"lib", "app"}


IGNORED = """\
version: 1
workflows:
  a: {inputs: [{path: "conf/*.local", ignore: false}], run: 'true'}
  b: {inputs: [vendor/], run: 'true'}
  c: {inputs: ["conf/*"], run: 'true'}
"""


def test_ignored_files_that_are_inputs_count(project: Pexec) -> None:
    project.file(".gitignore", "*.local\nvendor/\n.pexec/\n").file("pexec.yaml", IGNORED).file("conf/x", "")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    git(project, "tag", "-f", "v1")
    assert project.run("apply", "--since", "v1").exit_code == 0
    assert runs(project.folder) == []
    project.file("conf/x.local", "")
    assert planned(project) == ["a"]
    (project.folder / "conf/x.local").unlink()
    project.file("vendor/v", "")
    assert planned(project) == ["b"]


LISTED = """\
version: 1
workflows:
  lines: {matrix: {x: {lines: list}}, inputs: [], run: 'echo ${{ matrix.x }}'}
  glob: {matrix: {x: {glob: "data/*.csv"}}, inputs: ["${{ matrix.x }}"], run: 'true'}
"""


def test_what_the_axes_of_a_matrix_list_counts(project: Pexec) -> None:
    project.file("pexec.yaml", LISTED).file("list", "a\n").file("data/1.csv", "").file("data/2.csv", "")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    git(project, "tag", "-f", "v1")
    project.file("data/1.csv", "changed")
    assert planned(project) == ["glob[x=data/1.csv]"]
    project.file("data/3.csv", "")
    assert len(planned(project)) == 4
    git(project, "checkout", "data")
    (project.folder / "data/3.csv").unlink()
    project.file("list", "a\nb\n")
    assert len(planned(project)) == 4


LINKED = """\
version: 1
workflows:
  a: {inputs: ["link/**/*.c"], run: 'true'}
  b: {inputs: [twice/], run: 'true'}
  c: {inputs: ["other/*"], run: 'true'}
  d: {inputs: [src/], run: 'true'}
"""


def test_what_is_behind_links_counts_and_so_do_the_links(project: Pexec) -> None:
    project.file("pexec.yaml", LINKED).file("real/x.c", "").file("other/y.c", "").file("src/z", "")
    (project.folder / "link").symlink_to("real")
    (project.folder / "twice").symlink_to("link")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    git(project, "tag", "-f", "v1")
    project.file("real/x.c", "changed")
    assert planned(project) == ["a", "b"]
    git(project, "checkout", "real")
    (project.folder / "link").unlink()
    (project.folder / "link").symlink_to("other")
    assert planned(project) == ["a", "b"]
    git(project, "checkout", "link")
    (project.folder / "src/new").symlink_to("../other")
    assert planned(project) == ["d"]


def test_a_submodule_counts_with_all_that_is_in_it(project: Pexec, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    (inner / "lib.c").touch()
    (inner / "deep/x.c").touch()
    git(inner, "init", "-q")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "first")
    git(project, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "sub")
    text = "version: 1\nworkflows:\n  a: {inputs: ['sub/**/*.c'], run: 'true'}\n  b: {inputs: ['app/*'], run: 'true'}\n"
    project.file("pexec.yaml", text)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "second")
    git(project, "tag", "-f", "v1")
    assert project.run("plan", "--since", "v1").stderr.startswith("pexec: nothing to do")
    project.file("sub/new.c", "")
    assert planned(project) == ["a"]
    (project.folder / "sub/new.c").unlink()
    project.file("sub/deep/x.c", "changed")
    assert planned(project) == ["a"]
    git(project.folder / "sub", "commit", "-qam", "inside")
    assert planned(project) == ["a"]
    git(project, "rm", "-qf", "sub")
    assert planned(project) == ["a"]


def test_a_repository_that_is_not_tracked_counts_with_all_that_is_in_it(project: Pexec) -> None:
    inner = project.folder / "lib/nested"
    inner.mkdir()
    git(inner, "init", "-q")
    project.file("lib/nested/x", "")
    assert "pexec: 2 of 4 jobs" in project.run("plan", "--since", "v1").stderr


@pytest.mark.parametrize("where", ["sub", "worktree", "detached"])
def test_a_manifest_may_be_anywhere_in_any_kind_of_work_tree(project: Pexec, tmp_path: Path, where: str) -> None:
    if where == "sub":
        project.file("sub/pexec.yaml", MANIFEST.replace('"lib/**"', '"../lib/**"'))
        git(project, "add", "-A")
        git(project, "commit", "-qm", "second")
        git(project, "tag", "-f", "v1")
        project.file("lib/a", "changed")
        done = project.run("plan", "--since", "v1", "-f", "sub/pexec.yaml")
    elif where == "worktree":
        tree = tmp_path / "tree with space"
        git(project, "worktree", "add", "-q", str(tree), "v1")
        (tree / "lib/a").write_text("changed")
        done = project.run("plan", "--since", "v1", "-f", str(tree / "pexec.yaml"))
    else:
        git(project, "checkout", "-q", "--detach")
        project.file("lib/a", "changed")
        done = project.run("plan", "--since", "HEAD")
    assert "pexec: 2 of 4 jobs depend on what has changed since " in done.stderr


def test_in_a_hook_of_another_repository_its_variables_do_not_count(project: Pexec, tmp_path: Path) -> None:
    project.file("lib/a", "changed")
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "-q")
    project.env(GIT_DIR=str(tmp_path / "other/.git"), GIT_INDEX_FILE=str(tmp_path / "other/.git/index"))
    assert set(planned(project)) == {"lib", "app"}


def test_a_shallow_clone_says_why_it_lacks_a_revision(project: Pexec, tmp_path: Path) -> None:
    project.file("lib/a", "changed")
    git(project, "commit", "-qam", "second")
    git(project, "clone", "-q", "--depth=1", f"file://{project.folder}", str(tmp_path / "shallow"))
    manifest = ("-f", str(tmp_path / "shallow/pexec.yaml"))
    done = project.run("apply", "--since", "HEAD~1", *manifest)
    assert done.exit_code == 2
    assert "`HEAD~1` is not a revision of the repository" in done.stderr
    assert "git fetch --unshallow" in done.stderr
    (tmp_path / "shallow/docs/c.md").write_text("changed")
    done = project.run("plan", "--since", "HEAD", *manifest)
    assert "pexec: 2 of 4 jobs" in done.stderr


def test_what_git_refuses_is_said_in_its_words_and_is_no_unknown_revision(project: Pexec) -> None:
    project.file(".git/config", "[core\n")
    done = project.run("apply", "--since", "v1")
    assert done.exit_code == 5
    assert "`git rev-parse` failed: fatal: bad config line 1" in done.stderr


def test_a_revision_that_does_not_exist_and_a_directory_without_git_are_usage_errors(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    (pexec.folder / ".git").rmdir()
    without = pexec.run("apply", "--since", "v1")
    assert (without.exit_code, "requires a Git repository" in without.stderr) == (2, True)
    git(pexec, "init", "-q")
    for revision in ("nope", "--output=x", "", "HEAD^{tree}", "a b", "v1..v2"):
        done = pexec.run("apply", f"--since={revision}")
        assert (done.exit_code, "is not a revision of the repository" in done.stderr) == (2, True)
