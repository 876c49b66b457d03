"""Parameters whose default is what a program prints when a run starts."""

from __future__ import annotations

import json
import subprocess
import sys

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """version: 1
secrets: {TOKEN: {env: THE_TOKEN}}
params:
  version:
    command: [sh, -c, 'echo x >> calls; cat; printf "%s\\n\\n" "v7 ${TOKEN-none} ${THE_TOKEN-none}"']
  mode: {command: [cat, mode], choices: [fast, slow]}
workflows:
  build: {run: 'printf "<%s>" ${{ params.version }}; test -e good'}
  fast: {if: {params.mode: fast}, run: 'true'}
  slow: {if: {not: {params.mode: fast}}, run: 'true'}
"""


def project(pexec: Pexec) -> Pexec:
    return pexec.env(THE_TOKEN="tk-4f9aK2xx").file("pexec.yaml", MANIFEST).file("mode", "fast\n")


def calls(pexec: Pexec) -> int:
    path = pexec.folder / "calls"
    return len(path.read_text().split()) if path.exists() else 0


def test_a_command_computes_a_default_once_for_a_run_and_a_resume_takes_the_same(pexec: Pexec) -> None:
    assert project(pexec).run("apply", "--output", "quiet", stdin="not for it").exit_code == 1
    run = last_run(pexec.folder)
    assert run.log("build") == b"<v7 none none\n>"
    assert run.statuses == {"build": "failed", "fast": "succeeded"}
    assert run.events[0]["invocation"]["computed"] == {"version": "v7 none none\n", "mode": "fast"}
    pexec.file("good", "").file("mode", "slow\n")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    resumed = last_run(pexec.folder)
    assert resumed.path == run.path
    assert resumed.log("build", 2) == b"<v7 none none\n>"
    assert calls(pexec) == 1
    assert pexec.run("verify").exit_code == 0


def test_a_new_run_of_a_resume_takes_the_recorded_value_too(pexec: Pexec) -> None:
    assert project(pexec).run("apply", "--output", "quiet").exit_code == 1
    pexec.file("good", "").file("pexec.yaml", MANIFEST.replace("test -e", "test -f")).file("mode", "slow\n")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).statuses == {"build": "succeeded", "fast": "succeeded"}
    assert calls(pexec) == 1


def test_what_runs_nothing_shows_that_it_is_computed_and_what_is_undecided(pexec: Pexec) -> None:
    project(pexec)
    for command in (("validate",), ("graph",), ("list",), ("plan",), ("apply", "--dry-run")):
        assert pexec.run(*command).exit_code == 0
    shown = pexec.run("plan").stdout
    assert "version  <computed>" in shown
    assert "if undecided: params.mode is fast" in shown
    assert "if undecided: not (params.mode is fast)" in shown
    assert json.loads(pexec.run("plan", "--format", "json").stdout)["computed"] == ["version", "mode"]
    assert calls(pexec) == 0


def test_a_value_from_outside_is_taken_instead(pexec: Pexec) -> None:
    project(pexec).file("good", "").env(PEXEC_PARAM_MODE="slow")
    assert pexec.run("apply", "--output", "quiet", "--set", "version=mine").exit_code == 0
    run = last_run(pexec.folder)
    assert (run.log("build"), "slow" in run.statuses, calls(pexec)) == (b"<mine>", True, 0)


def test_a_manifest_from_standard_input_may_have_one(pexec: Pexec) -> None:
    project(pexec).file("good", "")
    assert pexec.run("apply", "-", "--output", "quiet", stdin=MANIFEST).exit_code == 0


def test_a_value_that_cannot_be_used_refuses_the_run(pexec: Pexec) -> None:
    def refused(command: str, more: str = "") -> str:
        text = f"version: 1\nparams: {{x: {{command: {command}{more}}}}}\nworkflows: {{a: {{run: 'true'}}}}\n"
        said = pexec.file("pexec.yaml", text).run("apply")
        assert said.exit_code == 4
        assert not (pexec.folder / ".pexec/runs").exists()
        return said.stderr

    assert "error[PX416]: the parameter `x` cannot be computed: `sh` ended with exit code 3" in refused(
        "[sh, -c, 'exit 3']"
    )
    assert "`nothing-there` was not found" in refused("[nothing-there]")
    assert "prints text that is not UTF-8" in refused("[printf, '\\377']")
    assert "prints a null character" in refused("[printf, 'a\\0b']")
    assert "prints more than 100 KiB" in refused("[head, -c, '200000', /dev/zero]")
    said = refused("[echo, b]", ", choices: [a]")
    assert "error[PX416]: what the command of `x` prints must be `a`, not `b`" in said


def test_a_value_that_leaves_out_what_another_job_uses_is_an_error_of_the_manifest(pexec: Pexec) -> None:
    text = """version: 1
params: {x: {command: [echo, b]}}
workflows:
  a: {if: {params.x: a}, run: 'echo n=1 >> "$PEXEC_OUTPUT_FILE"', outputs: {n: {}}}
  b: {needs: a, run: 'echo ${{ needs.a.outputs.n }}'}
"""
    said = pexec.file("pexec.yaml", text).run("apply")
    assert (said.exit_code, "PX236" in said.stderr) == (3, True)


def test_a_program_that_computes_a_parameter_is_not_asked_by_the_python_api(pexec: Pexec) -> None:
    project(pexec).file(
        "use.py",
        "import orchestrator, orchestrator.errors\n"
        "try:\n"
        "    orchestrator.run(orchestrator.make_plan('pexec.yaml'))\n"
        "except orchestrator.errors.RefusedError as error:\n"
        "    print(error.message)\n",
    )
    done = subprocess.run([sys.executable, "use.py"], cwd=pexec.folder, env=pexec.environ, capture_output=True)
    assert done.stdout == b"the parameter `version` has not been computed\n", done.stderr
    assert calls(pexec) == 0
