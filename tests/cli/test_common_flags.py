"""Flags that many commands have: `-C`, `-f`, `-j`, `-k`, `-n`, `-q`, `--timeout`, `--run`, `--format`."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec, Said
from support.runs import last_run

MANIFEST = """\
version: 1
policy: {fail_fast: true}
workflows: {a: {run: echo from a}, b: {run: 'false'}, c: {after: b, run: echo from c}}
"""


@pytest.fixture
def project(pexec: Pexec) -> Pexec:
    return pexec.file("ci/pexec.yaml", MANIFEST)


def plan(pexec: Pexec, *words: str) -> str:
    said = pexec.run("plan", *words)
    assert (said.exit_code, said.stderr) == (0, ""), said
    return said.stdout


def test_a_directory_may_be_given_before_and_after_the_command(project: Pexec) -> None:
    expected = project.inside("ci").run("plan")
    project.inside(".")
    for words in (("-C", "ci", "plan"), ("-Cci", "plan"), ("--directory=ci", "plan"), ("plan", "-C", "ci")):
        assert project.run(*words) == expected
    assert project.run("-C", "ci", "-C", "..", "plan", "-C", "ci") == expected


def test_a_directory_that_is_missing_is_wrong_usage(pexec: Pexec) -> None:
    expected = "error: cannot change to the directory `nowhere`: no such file or directory\n"
    pexec.run("-C", "nowhere", "plan").said(exit_code=2, stderr=expected)
    pexec.run("plan", "-C", "nowhere").said(exit_code=2, stderr=expected)
    assert pexec.run("-C").exit_code == 2


@pytest.mark.parametrize("command", ["plan", "validate", "graph", "list", "apply"])
def test_the_manifest_may_be_given_as_a_flag(project: Pexec, command: str) -> None:
    more = ("-n",) if command == "apply" else ()
    named = project.run(command, "ci/pexec.yaml", *more)
    assert named.exit_code == 0
    assert project.run(command, "-f", "ci/pexec.yaml", *more) == named
    assert project.run(command, "--file=ci/pexec.yaml", *more) == named


def test_with_the_flag_every_argument_is_a_job(project: Pexec) -> None:
    assert plan(project, "-f", "ci/pexec.yaml", "a") == plan(project, "ci/pexec.yaml", "a")
    assert "unknown job `ci/pexec.yaml`" in project.run("plan", "-f", "ci/pexec.yaml", "ci/pexec.yaml").stderr
    assert project.run("graph", "-f", "ci/pexec.yaml", "ci/pexec.yaml").exit_code == 2


def test_short_and_long_flags_mean_the_same(project: Pexec) -> None:
    project.inside("ci")
    assert "max_parallel_jobs  3  (from --max-parallel-jobs)" in plan(project, "-j", "3")
    assert plan(project, "--jobs", "3") == plan(project, "-j3") == plan(project, "--max-parallel-jobs=3")
    assert "fail_fast          false  (from --keep-going)" in plan(project, "-k")
    assert plan(project, "--keep-going").replace("--keep-going", "--fail-fast") == plan(project, "--fail-fast=false")
    assert project.run("apply", "-n") == project.run("apply", "--dry-run") == Said(0, plan(project), "")


def test_keep_going_runs_what_does_not_depend_on_the_failure(project: Pexec) -> None:
    project.inside("ci")
    assert "from c" not in project.run("apply", "-j1").stdout
    kept_going = project.run("apply", "-k", "-j1")
    assert (kept_going.exit_code, "c | from c" in kept_going.stdout) == (1, True)


def test_a_timeout_may_have_units(project: Pexec) -> None:
    project.inside("ci")
    assert "10m a job, none for the run  (from --timeout)" in plan(project, "--timeout", "10m")
    assert "none a job" in plan(project, "--timeout=none")
    same = plan(project, "--timeout-seconds", "90").replace("--timeout-seconds", "--timeout")
    assert plan(project, "--timeout", "1m30s") == same
    for wrong in ("10x", "0s", "-1", ""):
        said = project.run("plan", f"--timeout={wrong}")
        assert said.stderr.startswith(
            f"error: argument --timeout: expected a duration such as `90s` or `10m`, or `none`, found `{wrong}`\n"
        )


def test_a_timeout_is_recorded_and_a_resume_keeps_it(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: sleep 20}}\n")
    assert pexec.run("apply", "--timeout", "300ms", "-q").exit_code == 1
    assert pexec.run("resume", "-q").exit_code == 1
    assert len([event for event in last_run(pexec.folder).events if event["event"] == "attempt.finished"]) == 2


@pytest.mark.parametrize(
    "words", [("--timeout", "1m", "--timeout-seconds", "60"), ("--fail-fast", "-k"), ("-k", "--fail-fast=drain")]
)
def test_flags_that_contradict_each_other_are_refused(project: Pexec, words: tuple[str, ...]) -> None:
    said = project.run("plan", "ci/pexec.yaml", *words)
    assert said.exit_code == 2
    assert "not allowed with argument" in said.stderr


def test_quiet_is_an_output(project: Pexec) -> None:
    project.inside("ci")
    for words in (("apply", "a", "-q"), ("apply", "a", "--output", "quiet")):
        assert project.run(*words).stdout == ""
    assert "from a" in project.run("apply", "a", "--output", "plain").stdout


def test_verbose_shows_every_job_and_every_setting(pexec: Pexec) -> None:
    jobs = ", ".join(f"job{number}: {{run: 'true'}}" for number in range(31))
    pexec.file("pexec.yaml", f"version: 1\nworkflows: {{{jobs}}}\n")
    assert "job7 " not in pexec.run("apply", "-q").stderr.partition("slowest")[0]
    shown = pexec.run("apply", "-q", "-v").stderr
    assert all(f"job{number} " in shown for number in range(31))
    assert pexec.run("apply", "-n", "-v").stdout == pexec.run("plan", "-v").stdout != pexec.run("plan").stdout


@pytest.mark.parametrize("command", ["status", "report", "verify", "archive"])
def test_the_run_may_be_given_as_an_argument_or_a_flag(project: Pexec, command: str) -> None:
    project.inside("ci")
    project.run("apply", "a", "-q")
    run_id = last_run(project.folder / "ci").path.name
    project.run("apply", "a", "-q")
    as_argument = project.run(command, run_id)
    assert as_argument.exit_code == 0
    assert project.run(command, "--run", run_id) == project.run(command, run_id, f"--run={run_id}") == as_argument
    project.run(command, run_id, "--run", "1999").said(
        exit_code=2,
        stderr=f"error: two runs are named: `{run_id}` and `1999`\n  = help: give RUN or `--run`, not both\n",
    )


def test_resume_takes_the_run_as_a_flag(project: Pexec) -> None:
    project.inside("ci")
    project.run("apply", "a", "-q")
    assert "nothing to resume" in project.run("resume", "--run", last_run(project.folder / "ci").path.name).stderr
    assert project.run("resume", "--run", "1999").exit_code == 2


@pytest.mark.parametrize("command", ["logs", "cancel"])
def test_a_run_in_place_of_a_job_is_recognized(project: Pexec, command: str) -> None:
    project.inside("ci")
    project.run("apply", "a", "-q")
    run_id = last_run(project.folder / "ci").path.name
    project.run(command, run_id).said(
        exit_code=2, stderr=f"error: unknown job `{run_id}`\n  = help: to choose a run, write `--run {run_id}`\n"
    )


def test_format_is_the_same_word_everywhere(pexec: Pexec) -> None:
    doctor = json.loads(pexec.run("doctor", "--format", "json").stdout)
    assert doctor == json.loads(pexec.run("doctor", "--json").stdout)
    one = json.loads(pexec.run("explain", "PX104", "--format", "json").stdout)
    assert (one["code"], one["title"]) == ("PX104", "duplicate key")
    codes = json.loads(pexec.run("explain", "--format", "json").stdout)["codes"]
    assert {"code": "PX104", "title": "duplicate key"} in codes


@pytest.mark.parametrize("command", ["apply", "plan"])
def test_the_help_shows_arguments_as_they_have_to_be_typed(pexec: Pexec, command: str) -> None:
    text = pexec.run(command, "--help").stdout
    assert "  --fail-fast[=drain]" in text
    assert "a job, or `tag:NAME`" in " ".join(text.split())
