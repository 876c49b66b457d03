"""`if` and `manual`: which jobs are left out, why, and what that means for the others."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.planning import good_plan, picture, planned

from orchestrator.errors import UsageError
from orchestrator.manifest.nested_sections import Condition
from orchestrator.plan.conditions import ConditionContext
from orchestrator.plan.inputs import PlanningEnvironment, Selection
from orchestrator.plan.model import Plan
from orchestrator.plan.select import MANUAL

MACHINE = PlanningEnvironment(env={"CI": "true", "EMPTY": "", "MODE": "fast"}, system="Linux", machine="x86_64")
KNOWN = ConditionContext(MACHINE, {"release": "release-7", "count": 3, "debug": False}, {"os": "linux", "py": 3.1})


def holds(condition: dict[str, Any]) -> bool:
    return KNOWN.evaluate(Condition.parse(condition))


@pytest.mark.parametrize(
    ("condition", "holding"),
    [
        ({}, True),
        ({"params.release": "release-7"}, True),
        ({"params.release": "release"}, False),
        ({"params.release": ["dev", "release-7"]}, True),
        ({"params.release": {"glob": "release-*"}}, True),
        ({"params.release": {"glob": "release-?"}}, True),
        ({"params.release": {"glob": "release"}}, False),
        ({"params.release": {"glob": "*[7]"}}, False),
        ({"params.release": {"glob": "r.lease*"}}, False),
        ({"params.count": 3}, True),
        ({"params.count": "3"}, True),
        ({"params.debug": False}, True),
        ({"params.debug": "false"}, True),
        ({"params.unset": "anything"}, True),
        ({"matrix.os": "linux", "matrix.py": 3.1}, True),
        ({"matrix.os": "linux", "matrix.py": 3.2}, False),
        ({"matrix.absent": "x"}, False),
        ({"not": {"matrix.absent": "x"}}, True),
        ({"platform.system": "linux"}, True),
        ({"platform.system": ["Darwin", "LINUX"]}, True),
        ({"platform.machine": {"glob": "X86*"}}, True),
        ({"platform.system": "darwin"}, False),
        ({"env.CI": True}, True),
        ({"env.CI": "true"}, True),
        ({"env.MODE": "fast"}, True),
        ({"env.MODE": "FAST"}, False),
        ({"env.EMPTY": True}, False),
        ({"env.EMPTY": False}, True),
        ({"env.EMPTY": ""}, True),
        ({"env.NOTHING": False}, True),
        ({"env.NOTHING": ""}, False),
        ({"not": {"env.CI": True}}, False),
        ({"any": [{"env.NOTHING": True}, {"env.CI": True}]}, True),
        ({"any": [{"env.NOTHING": True}, {"env.MODE": "slow"}]}, False),
        ({"all": [{"env.CI": True}, {"env.MODE": "slow"}]}, False),
        ({"env.CI": True, "not": {"any": [{"params.count": 4}, {"all": [{"params.count": 5}]}]}}, True),
    ],
)
def test_a_condition_holds(condition: dict[str, Any], holding: bool) -> None:
    assert holds(condition) is holding


_tests = st.sampled_from([{"params.count": 3}, {"params.count": 4}, {"env.CI": True}, {"env.NOTHING": True}])
_conditions = st.recursive(
    _tests,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=6,
)


@given(_conditions)
def test_conditions_obey_de_morgan(condition: dict[str, Any]) -> None:
    assert holds({"not": {"not": condition}}) is holds(condition)
    assert holds({"any": [condition, {"params.count": 4}]}) is holds(condition)
    assert holds({"not": {"all": [condition]}}) is holds({"any": [{"not": condition}]})


def plan(text: str, *words: str, only: tuple[str, ...] = (), **given: str) -> Plan:
    environment = replace(MACHINE, cli_params=given, for_run=True)
    return good_plan(text, selection=Selection(words, only), environment=environment)


def needs(plan: Plan) -> dict[str, list[str]]:
    return {job.id: [plan.jobs[need].id for need in job.needs] for job in plan.jobs}


RELEASE = """
    params: {release: {default: dev}}
    workflows:
      build: {run: build}
      sign: {run: sign, needs: build, if: {params.release: stable}}
      upload: {run: upload, needs: sign}
      hello: {run: hello, if: {not: {platform.system: linux}, env.CI: true}}
"""


def test_a_workflow_whose_condition_does_not_hold_counts_as_satisfied() -> None:
    dev, stable = plan(RELEASE), plan(RELEASE, release="stable")
    assert needs(dev) == {"build": [], "upload": ["build"]}
    assert dev.left_out == (("sign", "`if`: `params.release` is `dev`"), ("hello", "its `if` does not hold"))
    assert needs(stable) == {"build": [], "sign": ["build"], "upload": ["sign"]}
    assert stable.left_out == (("hello", "its `if` does not hold"),)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("{params.release: [a, b]}", "`if`: `params.release` is `dev`"),
        ("{env.MODE: slow}", "`if`: `env.MODE` is another value"),
        ("{env.MODE: false}", "`if`: `env.MODE` is set"),
        ("{env.NOTHING: true}", "`if`: `env.NOTHING` is not set"),
        ("{env.NOTHING: x}", "`if`: `env.NOTHING` is not set"),
        ("{platform.machine: arm64}", "`if`: `platform.machine` is `x86_64`"),
        ("{any: [{env.MODE: slow}]}", "its `if` does not hold"),
    ],
)
def test_the_reason_says_what_is_but_no_value_of_the_environment(condition: str, reason: str) -> None:
    text = f"params: {{release: {{default: dev}}}}\nworkflows: {{a: {{run: a}}, w: {{run: x, if: {condition}}}}}"
    assert plan(text).left_out == (("w", reason),)


def test_cells_are_left_out_one_by_one_and_together_if_all_for_one_reason() -> None:
    text = """
        workflows:
          some: {run: x, matrix: {os: [linux, mac]}, if: {matrix.os: mac}}
          none: {run: x, matrix: {os: [linux, mac]}, if: {env.NOTHING: true}}
          all: {needs: [some, none]}
    """
    made = plan(text)
    assert needs(made) == {"some[os=mac]": [], "all": ["some[os=mac]"]}
    assert made.left_out == (
        ("some[os=linux]", "`if`: `matrix.os` is `linux`"),
        ("none", "`if`: `env.NOTHING` is not set"),
    )


def test_a_job_that_is_left_out_does_not_bring_its_needs_when_it_is_named() -> None:

    assert needs(plan(RELEASE, "sign")) == {}
    assert needs(plan(RELEASE, "sign", "hello")) == {}
    assert needs(plan(RELEASE, "upload")) == {"build": [], "upload": ["build"]}
    with pytest.raises(UsageError, match="no jobs are left to run"):
        plan(RELEASE, "build", only=("sign",))


def test_everything_may_be_left_out() -> None:
    made = plan("workflows: {a: {run: a, if: {env.NOTHING: true}}, b: {run: b, needs: a, manual: true}}")
    assert (made.jobs, made.levels, made.critical_path) == ((), (), ())
    assert made.left_out == (("a", "`if`: `env.NOTHING` is not set"), ("b", MANUAL))


CLEAN = """
    workflows:
      clean: {run: rm, manual: true, needs: ask, tags: [t]}
      ask: {run: ask, manual: true}
      build: {run: build, tags: [t]}
      test: {run: test, needs: [build, clean]}
"""


def test_what_is_manual_is_no_part_of_a_run_of_everything() -> None:
    made = plan(CLEAN)
    assert needs(made) == {"build": [], "test": ["build"]}
    assert made.left_out == (("clean", MANUAL), ("ask", MANUAL))


def test_what_is_manual_runs_when_it_is_named_or_needed_by_a_job_that_is() -> None:
    assert needs(plan(CLEAN, "clean")) == {"clean": ["ask"], "ask": []}
    assert needs(plan(CLEAN, "test")) == {"clean": ["ask"], "ask": [], "build": [], "test": ["build", "clean"]}
    assert needs(plan(CLEAN, only=("clean",))) == {"clean": ["ask"], "ask": []}
    assert needs(plan(CLEAN, "build")) == {"build": []}
    assert dict(plan(CLEAN, "build").left_out)["clean"] == "not selected"


def test_a_tag_does_not_name_what_is_manual() -> None:
    assert needs(plan(CLEAN, only=("tag:t",))) == {"build": []}


def test_a_condition_on_something_unknown_is_reported() -> None:
    text = """
        params: {release: {default: x}}
        workflows:
          a: {run: a, if: {params.relase: x, any: [{matrix.os: x}]}}
          b: {run: b, matrix: {os: [x]}, if: {not: {matrix.so: x}}}
    """
    assert "\n".join(map(picture, planned(text).diagnostics)) == textwrap.dedent(
        """
        error[PX212]: `params.relase` in `if` of workflow `a` refers to an unknown parameter
          at 4:20+13
          = did you mean `release`?
        error[PX212]: `matrix.os` in `if` of workflow `a` refers to a matrix, but `a` has none
          at 4:45+9
        error[PX212]: `matrix.so` in `if` of workflow `b` refers to an unknown key of the matrix of `b`
          at 5:45+9
          = did you mean `os`?
        """
    ).strip("\n")
