"""`pexec plan`: what would run, and where values come from."""

from __future__ import annotations

import json
import re

import pytest
from support.cli import Pexec

from orchestrator.cli.options import names_manifest

MANIFEST = """\
version: 1
name: nightly
workflows:
  fetch:
    run: ./fetch.sh
    tags: [net]
  build:
    needs: [fetch]
    run: make
    timeout: 1m
  lint:
    run: make lint
"""

SHOWN = """\
nightly: 3 jobs in 2 levels

level 1
  fetch  ./fetch.sh
  lint   make lint

level 2
  build  make
           needs fetch; timeout 1m

critical path: fetch -> build
"""

SETTINGS = """
settings
  max_parallel_jobs  {jobs}
  fail_fast          {fail_fast}
  timeout            {timeout} a job, none for the run{origin}
  order              critical_path
  durability         process
  keep_runs          20
  archive            false
"""


def shown(jobs: str = "4", fail_fast: str = "false", timeout: str = "5m", origin: str = "") -> str:
    return SHOWN + SETTINGS.format(jobs=jobs, fail_fast=fail_fast, timeout=timeout, origin=origin)


def test_the_plan_shows_levels_the_critical_path_and_the_documented_defaults(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).run("plan").said(stdout=SHOWN)
    pexec.run("plan", "-v").said(stdout=shown())


def test_the_plan_shows_where_an_overridden_value_comes_from(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).file("pyproject.toml", '[tool.pexec]\nfail_fast = "drain"\n')
    pexec.config("timeout_seconds = 90\n").env(PEXEC_MAX_PARALLEL_JOBS="2")
    pexec.run("plan", "--verbose").said(
        stdout=shown(
            "2  (from PEXEC_MAX_PARALLEL_JOBS)",
            "drain  (from pyproject.toml [tool.pexec])",
            "1m30s",
            "  (from ~/.config/pexec/config.toml)",
        )
    )
    assert pexec.run("plan").stdout == SHOWN + (
        "\nsettings\n"
        "  max_parallel_jobs  2  (from PEXEC_MAX_PARALLEL_JOBS)\n"
        "  fail_fast          drain  (from pyproject.toml [tool.pexec])\n"
        "  timeout            1m30s a job, none for the run  (from ~/.config/pexec/config.toml)\n"
    )
    pexec.run("plan", "-v", "-j", "3", "--fail-fast", "--timeout-seconds=none").said(
        stdout=shown("3  (from --max-parallel-jobs)", "true  (from --fail-fast)", "none", "  (from --timeout-seconds)")
    )


def test_an_unknown_variable_is_reported(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).env(PEXEC_MAX_JOBS="2", PEXEC_JOB="outer")
    pexec.run("plan").said(
        stdout=SHOWN,
        stderr="warning: unknown environment variable `PEXEC_MAX_JOBS`\n"
        "  = help: did you mean `PEXEC_MAX_PARALLEL_JOBS`?\n",
    )


def test_a_setting_that_cannot_be_is_wrong_usage(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).file("pyproject.toml", "[tool.pexec]\nmax-parallel-jobs = 2\n")
    pexec.run("plan").said(
        exit_code=2,
        stderr="error: unknown setting `max-parallel-jobs` in pyproject.toml [tool.pexec]\n"
        "  = help: did you mean `max_parallel_jobs`?\n",
    )


def test_json_is_the_object_that_a_run_keeps(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).run("plan", "--format", "json", "-j", "150")
    assert (said.exit_code, said.stderr) == (0, "")
    plan = json.loads(said.stdout)
    assert plan["levels"] == [["fetch", "lint"], ["build"]]
    assert plan["critical_path"] == ["fetch", "build"]
    assert plan["policy"]["max_parallel_jobs"] == 150
    assert [job["timeout_seconds"] for job in plan["jobs"]] == [300, 60, 300]


def test_json_drives_no_terminal(pexec: Pexec) -> None:
    text = MANIFEST.replace("make lint", '"echo caf\\xe9 \\u202e \\x9b31m \\U0001f600"')
    said = pexec.file("pexec.yaml", text).run("plan", "--format", "json")
    assert said.stdout.isascii()
    assert json.loads(said.stdout)["jobs"][2]["run"] == "echo caf\xe9 \u202e \x9b31m \U0001f600"


@pytest.mark.parametrize(
    ("arguments", "jobs"),
    [
        (["fetch"], ["fetch"]),
        (["build"], ["fetch", "build"]),
        (["pexec.yaml", "lint", "fetch"], ["fetch", "lint"]),
        (["--only", "tag:net", "--only", "lint"], ["fetch", "lint"]),
        (["--skip=fetch"], ["build", "lint"]),
        (["build", "--skip", "tag:net"], ["build"]),
    ],
)
def test_jobs_can_be_chosen(pexec: Pexec, arguments: list[str], jobs: list[str]) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).run("plan", "--format", "json", *arguments)
    assert [job["id"] for job in json.loads(said.stdout)["jobs"]] == jobs


def test_a_job_that_does_not_exist_is_wrong_usage(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).run("plan", "biuld").said(
        exit_code=2, stderr="error: unknown job `biuld`\n  = help: did you mean `build`?\n"
    )


def test_the_errors_of_a_manifest_come_before_a_job_that_cannot_be_found(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST.replace("lint:", "li nt:")).run("plan", "li nt")
    assert said.exit_code == 3
    assert said.stderr.endswith("error: 1 error in pexec.yaml\n")


def test_an_invalid_manifest_has_no_plan(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST.replace("[fetch]", "[fetsh]")).run("plan")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "  = help: did you mean `fetch`?\n" in said.stderr


def test_a_word_is_a_manifest_or_a_job(pexec: Pexec, monkeypatch: pytest.MonkeyPatch) -> None:
    pexec.file("pexec.yaml.example", MANIFEST).file("build", "a file named like a job")
    monkeypatch.chdir(pexec.folder)
    words = ["-", "./build", "ci/x", "gone.yaml", "x.yml", "x.json", "pexec.yaml.example", "build", "lib.x", "fetch"]
    assert [word for word in words if names_manifest(word)] == words[:7]
    assert pexec.run("plan", "pexec.yaml.example", "build").exit_code == 0


def test_after_a_timeout_the_estimate_knows_that_a_job_takes_at_least_that_long(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {fast: {run: ':'}, slow: {run: sleep 60, timeout: 1s}}\n"
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 1
    (estimate,) = (line for line in pexec.run("plan").stdout.splitlines() if line.startswith("estimate: "))
    seconds = re.fullmatch(r"estimate: at least (\d+(?:\.\d)?)s, from earlier runs of 2 of 2 jobs \(.*\)", estimate)
    assert seconds is not None, estimate
    assert float(seconds[1]) >= 1.0
