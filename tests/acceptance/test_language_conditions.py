"""`if`, `manual` and groups from outside."""

from __future__ import annotations

import os

from support.cli import Pexec
from support.runs import last_run

SYSTEM, MACHINE = os.uname().sysname.lower(), os.uname().machine
MANIFEST = f"""\
version: 1
params: {{release: {{default: dev}}}}
workflows:
  build: {{run: echo build}}
  sign: {{needs: build, run: echo sign, if: {{params.release: {{glob: "v*"}}}}}}
  upload: {{needs: sign, run: echo upload}}
  here: {{run: echo here, if: {{platform.system: {SYSTEM}, platform.machine: {MACHINE}}}}}
  ci: {{run: echo ci, if: {{env.PEXEC_TEST_CI: true}}}}
  clean: {{run: echo clean, manual: true}}
  everything: {{needs: [upload, here, ci]}}
"""


def test_what_is_left_out_is_shown_and_its_dependents_run(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    assert pexec.run("plan").stdout.split("left out\n")[1].split("\n\n")[0].splitlines() == [
        "  sign: `if`: `params.release` is `dev`",
        "  ci: `if`: `env.PEXEC_TEST_CI` is not set",
        "  clean: manual: it runs only when it is named, or needed by a job that is",
    ]
    assert pexec.run("apply").exit_code == 0
    run = last_run(pexec.folder).check()
    assert list(run.jobs) == ["build", "upload", "here", "everything"]
    assert run.at("attempt.started", "upload") > run.at("job.finished", "build")


def test_conditions_see_parameters_and_the_environment(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).env(PEXEC_TEST_CI="1")
    assert pexec.run("apply", "--set", "release=v1").exit_code == 0
    assert list(last_run(pexec.folder).jobs) == ["build", "sign", "upload", "here", "ci", "everything"]


def test_a_manual_workflow_runs_when_named(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "clean").exit_code == 0
    assert list(last_run(pexec.folder).jobs) == ["clean"]


def test_a_run_without_any_selected_job_is_refused_unless_that_is_allowed(pexec: Pexec) -> None:
    done = pexec.file("pexec.yaml", MANIFEST).run("apply", "sign", "--only", "sign")
    assert done.exit_code == 2
    assert "nothing to run; left out: `sign` (`if`: `params.release` is `dev`)" in done.stderr
    assert pexec.run("apply", "sign", "--only", "sign", "--allow-empty").exit_code == 0
    assert last_run(pexec.folder).results["summary"]["total_jobs"] == 0
