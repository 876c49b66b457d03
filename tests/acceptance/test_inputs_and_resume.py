"""`inputs` when a run is resumed."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import Run, last_run, runs

MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  compile: {inputs: [a.c], outputs: [app], run: 'cat a.c > app'}
  link: {needs: compile, run: 'cat app > linked'}
  lint: {run: 'true'}
  test: {needs: link, run: 'test -e ok'}
"""


def failed(pexec: Pexec, text: str = MANIFEST) -> Run:
    pexec.file("pexec.yaml", text).file("a.c", "one\n")
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    return last_run(pexec.folder)


def started(run: Run) -> list[str]:
    return [event["job"] for event in run.named("attempt.started")]


def test_a_resume_in_the_same_directory_never_repeats_a_success_and_says_that_its_inputs_changed(pexec: Pexec) -> None:
    first = failed(pexec)
    pexec.file("a.c", "two\n").file("ok", "")
    done = pexec.run("resume", "--output", "quiet")
    assert done.exit_code == 0
    assert "pexec: `compile` is not run again, although since its success a.c changed (was " in done.stderr
    assert (last_run(pexec.folder).path, (pexec.folder / "app").read_text()) == (first.path, "one\n")
    assert started(last_run(pexec.folder)).count("compile") == 1


def test_a_new_run_of_a_resume_reuses_a_success_only_if_its_inputs_are_the_same(pexec: Pexec) -> None:
    failed(pexec)
    pexec.file("pexec.yaml", MANIFEST + "  more: {run: 'true'}\n").file("ok", "")
    done = pexec.run("resume", "--output", "quiet")
    assert done.exit_code == 0
    assert [event["job"] for event in last_run(pexec.folder).named("job.adopted")] == ["compile", "link", "lint"]


def test_in_a_new_run_of_a_resume_a_job_with_changed_inputs_runs_again_and_so_does_what_needs_it(pexec: Pexec) -> None:
    failed(pexec)
    pexec.file("pexec.yaml", MANIFEST + "  more: {run: 'true'}\n").file("ok", "").file("a.c", "two\n")
    done = pexec.run("resume", "--output", "quiet")
    assert done.exit_code == 0, done.stderr
    assert "compile: will run (a.c changed (was " in done.stderr
    assert "link: will run (its needs have changed: `compile`)" in done.stderr
    run = last_run(pexec.folder).check()
    assert [event["job"] for event in run.named("job.adopted")] == ["lint"]
    assert (pexec.folder / "linked").read_text() == "two\n"
    assert len(runs(pexec.folder)) == 2


def test_a_resume_of_a_forced_run_is_forced(pexec: Pexec) -> None:
    failed(pexec)
    text = MANIFEST.replace("link: {needs: compile,", "link: {needs: compile, inputs: [ok],")
    pexec.file("pexec.yaml", text)
    assert pexec.run("apply", "--output", "quiet", "--force").exit_code == 1
    pexec.file("ok", "")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder)
    assert run.events[0]["invocation"]["cache"] == "force"
    assert [event["because"] for event in run.named("job.must_run", job="link")][-1] == ["`--force`"]
    assert pexec.run("verify").exit_code == 0
