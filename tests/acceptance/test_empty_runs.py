"""A run in which nothing is left to do, because everything is manual or left out, is asked for by name only."""

from __future__ import annotations

import pytest
from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
workflows:
  clean: {run: ':', manual: true}
  release: {run: ':', if: {env.RELEASE: true}}
"""
MANUAL = "version: 1\nworkflows:\n  a: {run: ':', manual: true}\n  b: {run: ':', manual: true}\n"
WHY_MANUAL = "manual: it runs only when it is named, or needed by a job that is"
HINT = "  = help: name the jobs to run (`pexec list` shows them all), or pass `--allow-empty` if this is intended\n"


def test_apply_refuses_a_plan_without_jobs_and_gives_the_reasons(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).run("apply")
    reasons = f"`clean` ({WHY_MANUAL}), `release` (`if`: `env.RELEASE` is not set)"
    said.said(exit_code=2, stderr=f"error: nothing to run; left out: {reasons}\n{HINT}")
    assert not (pexec.folder / ".pexec").exists()


def test_a_named_job_that_is_left_out_is_nothing_to_run_either(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).run("apply", "release")
    said.said(
        exit_code=2, stderr=f"error: nothing to run; left out: `release` (`if`: `env.RELEASE` is not set)\n{HINT}"
    )


def test_it_is_refused_also_when_the_plan_is_cached(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANUAL)
    assert pexec.run("apply", "--allow-empty").exit_code == 0
    pexec.run("apply").said(exit_code=2, stderr=f"error: nothing to run; left out: `a`, `b` ({WHY_MANUAL})\n{HINT}")


def test_allow_empty_makes_it_a_success_with_zeros(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).run("apply", "--allow-empty")
    assert said.exit_code == 0
    assert "SUCCEEDED: nothing to run; 2 workflows left out" in said.stderr
    run = last_run(pexec.folder)
    results = run.json("results_summary.json")
    assert (results["execution_result"], results["summary"]["total_jobs"], results["jobs"]) == ("SUCCESS", 0, [])
    assert pexec.run("verify").exit_code == 0


def test_allow_empty_does_not_excuse_a_selection_that_leaves_nothing(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: ':'}}\n")
    said = pexec.run("apply", "--allow-empty", "--skip", "a")
    assert (said.exit_code, said.stderr.splitlines()[0]) == (
        2,
        "error: no jobs are left to run: `--skip` leaves out every job",
    )


@pytest.mark.parametrize("command", [("plan",), ("apply", "--dry-run")], ids=" ".join)
def test_the_plan_is_shown_all_the_same_with_the_reasons(pexec: Pexec, command: tuple[str, ...]) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).run(*command)
    assert said.exit_code == 0
    assert said.stdout.splitlines()[:5] == [
        "project: 0 jobs in 0 levels",
        "",
        "left out",
        f"  clean: {WHY_MANUAL}",
        "  release: `if`: `env.RELEASE` is not set",
    ]


@pytest.mark.parametrize(("flags", "exit_code"), [([], 2), (["--allow-empty"], 0)], ids=str)
def test_a_resume_that_starts_over_follows_what_the_run_was_started_with(
    pexec: Pexec, flags: list[str], exit_code: int
) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: exit 1}}\n")
    assert pexec.run("apply", *flags).exit_code == 1
    pexec.file("pexec.yaml", MANUAL)
    assert pexec.run("resume").exit_code == exit_code
