"""Parameters from outside: flags, the environment, and the plan that shows where values come from."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
params:
  release: {default: dev, pattern: "dev|[0-9]+[.][0-9]+", description: What to publish}
  level: {choices: [low, high]}
workflows:
  publish: {run: 'echo ${{ params.release }} ${{ params.level }}'}
"""


def test_flags_override_variables_and_these_override_defaults(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).env(PEXEC_PARAM_RELEASE="1.1", PEXEC_PARAM_LEVEL="low")
    done = pexec.run("plan", "--set", "release=2.0")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.split("\nparameters\n")[1].split("\n\n")[0].splitlines() == [
        "  release  2.0  (from --set)",
        "             What to publish",
        "  level    low  (from PEXEC_PARAM_LEVEL)",
    ]
    assert pexec.run("apply", "--set=release=2.0").exit_code == 0
    run = last_run(pexec.folder)
    assert run.log("publish") == b"2.0 low\n"
    assert run.json("plan.json")["params"] == {"release": "2.0", "level": "low"}


def test_a_parameter_without_a_value_is_an_error_of_a_run_but_not_of_validation(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    pexec.run("validate").said(stdout="pexec.yaml: valid, 1 job in 1 level\n")
    for command in ("plan", "apply"):
        pexec.run(command).said(
            exit_code=3,
            stderr="""\
error[PX217]: the parameter `level` has no value
 --> pexec.yaml:4:3
  |
4 |   level: {choices: [low, high]}
  |   ^^^^^ it has no default
  = help: set it with `--set level=VALUE` or `PEXEC_PARAM_LEVEL`, or declare a `default`

error: 1 error in pexec.yaml
""",
        )


def test_a_wrong_name_or_value_is_a_usage_error(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).env(PEXEC_PARAM_LEVEL="low")
    pexec.run("apply", "--set", "relase=1.0").said(
        exit_code=2,
        stderr="error: `--set relase`: unknown parameter `relase`\n  = help: did you mean `release`?\n",
    )
    pexec.run("apply", "--set", "release=1").said(
        exit_code=2,
        stderr="error: `--set release` must match `dev|[0-9]+[.][0-9]+`, not `1`\n"
        "  = help: `release` is declared at pexec.yaml:3\n",
    )
    pexec.env(PEXEC_PARAM_LEVEL="middle").run("plan").said(
        exit_code=2,
        stderr="error: `PEXEC_PARAM_LEVEL` must be `low` or `high`, not `middle`\n"
        "  = help: `level` is declared at pexec.yaml:4\n",
    )
    pexec.run("apply", "--set", "release").said(
        exit_code=2,
        stderr="error: argument --set: expected NAME=VALUE, found `release`\n  = help: see `pexec apply --help`\n",
    )


def test_a_variable_that_sets_no_parameter_is_reported(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).env(PEXEC_PARAM_LEVEL="low", PEXEC_PARAM_RELAESE="1.0")
    done = pexec.run("plan")
    assert done.exit_code == 0
    assert done.stderr == (
        "warning[PX232]: the environment variable `PEXEC_PARAM_RELAESE` sets no parameter of this manifest\n"
        "  = help: did you mean `PEXEC_PARAM_RELEASE`?\n\nwarning: 1 warning in pexec.yaml\n"
    )


def test_a_run_is_resumed_with_the_parameters_that_it_was_started_with(pexec: Pexec) -> None:
    text = MANIFEST + "  fragile: {needs: publish, run: 'test -e fixed && echo ${{ params.level }}'}\n"
    pexec.file("pexec.yaml", text).env(PEXEC_PARAM_LEVEL="low")
    assert pexec.run("apply", "--set", "release=2.0").exit_code == 1
    del pexec.environ["PEXEC_PARAM_LEVEL"]
    pexec.file("fixed", "")
    done = pexec.run("resume")
    assert done.exit_code == 0, done.stderr
    run = last_run(pexec.folder)
    assert run.log("fragile", attempt=2) == b"low\n"
    assert len(run.named("attempt.started", job="publish")) == 1
