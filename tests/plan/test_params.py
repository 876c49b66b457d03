"""Parameters: where their values come from, what they may be, and the errors otherwise."""

from __future__ import annotations

import textwrap

import pytest
from support.planning import good_plan, picture, planned

from orchestrator.errors import ExitCode, UsageError
from orchestrator.manifest.scalars import Value
from orchestrator.plan.inputs import PlanningEnvironment
from orchestrator.plan.make import Planned
from orchestrator.plan.render import plan_text

DECLARED = """
    params:
      release: {default: dev, pattern: 'dev|[0-9]+'}
      level: {choices: [low, high]}
      count: {default: 3}
      share: {default: 0.5}
      half: {choices: [1, 2.5]}
      debug: {default: false}
      my-name.x: {}
    workflows: {a: {run: a}}
"""


def plan(text: str = DECLARED, *, env: dict[str, str] | None = None, for_run: bool = True, **given: str) -> Planned:
    return planned(text, environment=PlanningEnvironment(cli_params=given, env=env or {}, for_run=for_run))


GIVEN = {"level": "low", "half": "1", "my-name.x": "x"}


def values(*, env: dict[str, str] | None = None, **given: str) -> dict[str, Value]:
    result = plan(env=env, for_run=True, **{**GIVEN, **given})
    assert result.diagnostics == ()
    assert result.plan is not None
    return dict(result.plan.params)


def test_a_parameter_has_its_default_unless_a_value_is_given() -> None:
    assert values() == {
        "release": "dev",
        "level": "low",
        "count": 3,
        "share": 0.5,
        "half": 1,
        "debug": False,
        "my-name.x": "x",
    }


def test_a_value_is_of_the_type_of_the_default() -> None:
    given = values(release="12", count="-4", share="2", half="2.5", debug="true")
    assert {name: given[name] for name in ("release", "count", "share", "half", "debug")} == {
        "release": "12",
        "count": -4,
        "share": 2,
        "half": 2.5,
        "debug": True,
    }


def test_the_command_line_goes_before_the_environment_and_both_are_reported() -> None:
    env = {"PEXEC_PARAM_COUNT": "1", "PEXEC_PARAM_MY_NAME_X": "e", "PEXEC_PARAM_RELEASE": "7", "PEXEC_PARAM_DEBUG": ""}
    result = plan(env=env, level="low", half="1", count="2")
    assert result.plan is not None
    assert [result.plan.params[name] for name in ("count", "my-name.x", "release", "debug")] == [2, "e", "7", False]
    assert result.origins == {
        "params.level": "--set",
        "params.half": "--set",
        "params.count": "--set",
        "params.my-name.x": "PEXEC_PARAM_MY_NAME_X",
        "params.release": "PEXEC_PARAM_RELEASE",
    }


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("release", "12x", "must match `dev|[0-9]+`"),
        ("release", "", "must match `dev|[0-9]+`"),
        ("release", "1\n", "must match `dev|[0-9]+`"),
        ("level", "LOW", "must be `low` or `high`"),
        ("count", "1.5", "must be an integer"),
        ("count", "", "must be an integer"),
        ("share", "half", "must be a number"),
        ("half", "2", "must be `1` or `2.5`"),
        ("debug", "yes", "must be `true` or `false`"),
    ],
)
def test_a_value_that_a_parameter_cannot_have_is_a_usage_error(name: str, value: str, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        values(env=None, **{name: value})
    assert caught.value.message == f"`--set {name}` {fault}, not `{value}`"
    assert caught.value.help.startswith(f"`{name}` is declared at pexec.yaml:")
    assert caught.value.exit_code is ExitCode.USAGE


def test_all_values_that_cannot_be_are_reported_at_once_with_their_source() -> None:
    with pytest.raises(UsageError) as caught:
        values(env={"PEXEC_PARAM_DEBUG": "1"}, relase="x", count="x")
    assert caught.value.message == (
        "`--set relase`: unknown parameter `relase`; `--set count` must be an integer, not `x`; "
        "`PEXEC_PARAM_DEBUG` must be `true` or `false`, not `1`"
    )
    assert caught.value.help.startswith("did you mean `release`? `count` is declared at pexec.yaml:")


def test_a_manifest_with_errors_is_reported_before_a_value_that_cannot_be() -> None:
    result = plan("params: {a: {}}\nworkflows: {w: {run: x, needs: zebra}}", b="1")
    assert [found.code for found in result.diagnostics] == ["PX217", "PX202"]


def test_a_parameter_without_a_value_is_an_error_only_in_a_plan_to_run() -> None:
    text = "params:\n  a: {}\nworkflows: {w: {run: 'echo ${{ params.a }}'}}"
    assert "\n".join(map(picture, plan(text).diagnostics)) == textwrap.dedent(
        """
        error[PX217]: the parameter `a` has no value
          at 3:3+1
          3:3+1: it has no default
          = set it with `--set a=VALUE` or `PEXEC_PARAM_A`, or declare a `default`
        """
    ).strip("\n")
    assert plan(text, for_run=False).diagnostics == ()
    assert plan(text, a="").diagnostics == ()


def test_a_variable_that_sets_no_parameter_is_a_warning_in_a_plan_to_run() -> None:
    text = "params: {release: {default: x}}\nworkflows: {w: {run: x}}"
    env = {"PEXEC_PARAM_RELAESE": "1", "OTHER": "2"}
    assert "\n".join(map(picture, plan(text, env=env).diagnostics)) == textwrap.dedent(
        """
        warning[PX232]: the environment variable `PEXEC_PARAM_RELAESE` sets no parameter of this manifest
          at nowhere
          = did you mean `PEXEC_PARAM_RELEASE`?
        """
    ).strip("\n")
    assert plan(text, env=env, for_run=False).diagnostics == ()


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ("{pattern: '('}", "has an invalid pattern: unclosed group @23+3"),
        (
            "{pattern: 'a{9999999999}'}",
            "has an invalid pattern: decimal literal invalid @23+15",
        ),
        ("{pattern: 'a{1000}{1000}'}", "has an invalid pattern: it is too large @23+15"),
        ("{pattern: '(a)\\1'}", "has an invalid pattern: backreferences are not supported @23+7"),
        ("{default: x, pattern: y}", "has an invalid default: it must match `y` @23+1"),
        ("{default: x, choices: [y, z]}", "has an invalid default: it must be `y` or `z` @23+1"),
        ("{default: x, choices: [1]}", "has a default and choices of more than one type @35+3"),
        ("{choices: [1, x]}", "has a default and choices of more than one type @23+6"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_reported(declaration: str, said: str) -> None:
    (found,) = plan(f"params: {{p: {declaration}}}\nworkflows: {{w: {{run: x}}}}", for_run=False).diagnostics
    assert found.span is not None
    message, _, where = said.rpartition(" @")
    told = f"PX218 the parameter `p` {message} @{where}"
    assert f"{found.code} {found.message} @{found.span.column}+{found.span.length}" == told


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)+$b", "(.*)*x", "a*" * 200 + "b"])
def test_no_pattern_takes_long_to_match(pattern: str) -> None:
    """Python's own engine would need more than a lifetime for each of these."""
    text = f"params: {{p: {{default: {'a' * 10_000}, pattern: '{pattern}'}}}}\nworkflows: {{w: {{run: x}}}}"
    (found,) = plan(text, for_run=False).diagnostics
    assert "has an invalid default: it must match `" in found.message


def test_parameters_change_the_digest_only_of_what_uses_them() -> None:
    text = "params: {p: {default: x}}\nworkflows: {a: {run: 'a ${{ params.p }}'}, b: {run: b}}"
    before, after, plain = (
        plan(text).plan,
        plan(text, p="y").plan,
        plan("workflows: {a: {run: a x}, b: {run: b}}").plan,
    )
    assert before is not None
    assert after is not None
    assert plain is not None
    assert [one.digest == other.digest for one, other in zip(before.jobs, after.jobs, strict=True)] == [False, True]
    assert before.digest == plain.digest


def test_a_parameter_with_a_broken_declaration_is_reported_once_even_if_a_value_is_given() -> None:
    found = plan("params: {p: {pattern: '['}}\nworkflows: {w: {run: x}}", p="x")
    assert [one.code for one in found.diagnostics] == ["PX218"]


COMPUTED = """
params:
  version: {command: [git, describe]}
  count: {command: [nproc], choices: [2, 4]}
workflows:
  build: {run: 'echo ${{ params.version }}'}
  two: {if: {params.count: 2}, run: x}
  four: {if: {not: {params.count: 2}, params.version: {glob: 'v*'}}, run: x}
"""


def test_a_parameter_with_a_command_has_a_word_in_place_of_its_value_until_a_run_starts() -> None:
    plan = good_plan(COMPUTED)
    assert (plan.computed, plan.params) == (("version", "count"), {"version": "<computed>", "count": "<computed>"})
    assert plan.jobs[0].spec.run == "echo '<computed>'"
    assert [job.id for job in plan.jobs] == ["build", "two", "four"]
    text = plan_text(plan)
    assert "if undecided: params.count is 2" in text
    assert "if undecided: params.version is like v* and not (params.count is 2)" in text


def test_a_computed_value_is_taken_like_one_from_outside() -> None:
    environment = PlanningEnvironment(computed={"version": "v7", "count": "4"}, for_run=True)
    plan = good_plan(COMPUTED, environment=environment)
    assert (plan.computed, plan.params) == ((), {"version": "v7", "count": 4})
    assert [job.id for job in plan.jobs] == ["build", "four"]


def test_a_computed_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="what the command of `count` prints must be `2` or `4`, not `3`"):
        planned(COMPUTED, environment=PlanningEnvironment(computed={"version": "v7", "count": "3"}))


def test_a_value_from_outside_comes_before_a_command() -> None:
    environment = PlanningEnvironment(cli_params={"version": "mine"}, env={"PEXEC_PARAM_COUNT": "2"})
    assert good_plan(COMPUTED, environment=environment).computed == ()


def test_entries_of_needs_cannot_choose_jobs_by_a_computed_parameter() -> None:
    text = """
    params: {n: {command: [nproc]}}
    workflows:
      test: {matrix: {n: [1, 2]}, run: x}
      all: {needs: [{workflow: test, matrix: {n: "${{ params.n }}"}}], run: x}
    """
    (found,) = (one for one in planned(text).diagnostics if one.code == "PX239")
    assert found.message == "`${{ params.n }}` in `needs.matrix.n` of workflow `all` is computed when a run starts"
