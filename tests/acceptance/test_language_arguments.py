"""`pexec apply JOB -- ARGUMENT...`: what the job gets, what is recorded, and what a resume uses."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
workflows:
  test: {run: "printf '%s|' ${{ args }}; test -e done"}
  program: {argv: [printf, '%s|']}
  script: {file: show.sh, args: [first]}
  build: {run: echo built}
"""


@pytest.fixture
def project(pexec: Pexec) -> Pexec:
    return pexec.file("pexec.yaml", MANIFEST).file("show.sh", 'printf "%s|" "$@"\n').file("done", "")


@pytest.mark.parametrize(("job", "before"), [("test", ""), ("program", ""), ("script", "first|")])
def test_a_job_gets_the_arguments_word_for_word(project: Pexec, job: str, before: str) -> None:
    done = project.run("apply", job, "--", "--grep", "it's $(touch oops)", "", "-j", "--", "*")
    assert done.exit_code == 0, done.stderr
    assert last_run(project.folder).check().log(job).decode() == f"{before}--grep|it's $(touch oops)||-j|--|*|"
    assert not (project.folder / "oops").exists()


def test_run_takes_them_too_and_nothing_after_the_dashes_is_nothing(project: Pexec) -> None:
    assert project.run("run", "program", "--", "a").exit_code == 0
    assert last_run(project.folder).log("program") == b"a|"
    assert project.run("run", "program", "--").exit_code == 0
    assert last_run(project.folder).log("program") == b"|"


def test_they_are_recorded_and_a_resume_uses_them(project: Pexec) -> None:
    (project.folder / "done").unlink()
    assert project.run("apply", "test", "--", "a b", "c").exit_code == 1
    run = last_run(project.folder)
    assert run.events[0]["invocation"]["args"] == ["a b", "c"]
    assert run.json("plan.json")["jobs"][0]["run"] == "printf '%s|' 'a b' c; test -e done"
    project.file("done", "")
    assert project.run("resume").exit_code == 0
    resumed = last_run(project.folder)
    assert (resumed.path, resumed.log("test", 2)) == (run.path, b"a b|c|")


def test_a_resume_of_a_changed_manifest_passes_them_again(project: Pexec) -> None:
    (project.folder / "done").unlink()
    assert project.run("apply", "test", "--", "a b", "c").exit_code == 1
    first = last_run(project.folder)
    project.file("pexec.yaml", MANIFEST.replace("; test -e done", ""))
    assert project.run("resume").exit_code == 0
    second = last_run(project.folder)
    assert (second.path != first.path, second.log("test")) == (True, b"a b|c|")
    assert second.events[0]["invocation"]["args"] == ["a b", "c"]


def test_names_of_files_that_are_not_text_are_passed_and_resumed_as_they_are(project: Pexec) -> None:
    (project.folder / "done").unlink()
    assert project.run("apply", "test", "--", b"caf\xe9", "b").exit_code == 1
    project.file("done", "")
    project.file("pexec.yaml", MANIFEST + "  more: {run: 'true'}\n")
    assert project.run("resume").exit_code == 0
    assert last_run(project.folder).log("test", 2) == b"caf\xe9|b|"


def test_a_cached_plan_is_not_that_of_other_arguments(project: Pexec) -> None:
    for args in (("a",), ("a",), ("b",), ()):
        assert project.run("apply", "program", "--", *args, "-q").exit_code == 0
        assert last_run(project.folder).log("program").decode() == "".join(f"{arg}|" for arg in (*args, "-q"))


def test_the_plan_shows_what_apply_runs(project: Pexec) -> None:
    said = project.run("plan", "test", "--", "a b")
    assert "  test  printf '%s|' 'a b'; test -e done\n" in said.stdout
    assert project.run("apply", "--dry-run", "test", "--", "a b").stdout == said.stdout


def test_arguments_that_no_job_takes_run_nothing(project: Pexec) -> None:
    project.run("apply", "build", "--", "--grep", "foo").said(
        exit_code=2,
        stderr="error: `build` takes no arguments: its `run` does not contain `${{ args }}`\n"
        "  = help: put it where the arguments after `--` belong, as in `run: pytest ${{ args }}`\n",
    )
    assert project.run("apply", "--", "x").exit_code == 2
    assert not (project.folder / ".pexec").exists()


def test_the_value_of_a_secret_is_refused(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nsecrets: {A: {env: VALUE}}\nworkflows: {a: {argv: [echo], secrets: [A]}}\n")
    pexec.env(VALUE="hunter2-token").run("apply", "a", "--", "hunter2-token").said(
        exit_code=4,
        stderr="warning: the manifest contains the value of a secret, in `a`\n"
        "  = help: every user of this machine can see it while the job runs; use the variable instead\n"
        "error[PX402]: an argument has the value of the secret `A`, and arguments are written to the journal\n"
        '  = help: give the job `secrets: [A]` and use the variable `"$A"`\n',
    )


def test_a_list_says_what_takes_them(project: Pexec) -> None:
    listed = json.loads(project.run("list", "--format", "json").stdout)["workflows"]
    taking = {one["name"]: one["takes_arguments"] for one in listed}
    assert taking == {"test": True, "program": True, "script": True, "build": False}
