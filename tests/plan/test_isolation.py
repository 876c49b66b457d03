"""Isolation in a plan: over the defaults, with its templates, as data, in the digest, and as text."""

from __future__ import annotations

import pytest
from support.planning import good_plan, planned

from orchestrator.diagnostics.model import Span
from orchestrator.plan.export import plan_from_dict, plan_to_dict
from orchestrator.plan.model import Isolation, JobSpec, Plan
from orchestrator.plan.render import plan_text


def spec_of(plan: Plan, job: str) -> JobSpec:
    return next(one.spec for one in plan.jobs if one.id == job)


def seen(spec: JobSpec) -> tuple[object, ...]:
    return spec.isolation, spec.network, spec.writes, spec.require_isolation, spec.env_inherit


BOXED = """
    defaults: {isolation: sandbox, network: true, writes: [dist/, /cache], require_isolation: true}
    workflows:
      a: {run: a}
      b: {run: b, network: false, writes: [], require_isolation: false, env_inherit: all}
      c: {run: c, isolation: none}
      d: {run: d, isolation: process}
    """


def test_a_workflow_lies_over_the_defaults_and_what_is_for_sandboxes_counts_only_in_one() -> None:
    plan = good_plan(BOXED)
    assert seen(spec_of(plan, "a")) == (Isolation.SANDBOX, True, ("dist/", "/cache"), True, "minimal")
    assert seen(spec_of(plan, "b")) == (Isolation.SANDBOX, False, (), False, "all")
    assert seen(spec_of(plan, "c")) == (Isolation.NONE, False, (), True, "all")
    assert seen(spec_of(plan, "d")) == (Isolation.PROCESS, False, (), True, "all")


def test_a_sandbox_inherits_little_unless_the_manifest_says_what() -> None:
    text = "defaults: {env_inherit: %s}\nworkflows: {a: {run: a, isolation: sandbox}}"
    assert spec_of(good_plan(text % "all"), "a").env_inherit == "all"
    assert spec_of(good_plan(text % "[PATH]"), "a").env_inherit == ("PATH",)


def test_it_is_the_same_after_a_trip_through_data() -> None:
    plan = good_plan(BOXED)
    data = {job["id"]: job for job in plan_to_dict(plan)["jobs"]}
    keys = ("isolation", "network", "writes", "require_isolation")
    assert {key: data["a"][key] for key in keys} == {
        "isolation": "sandbox",
        "network": True,
        "writes": ["dist/", "/cache"],
        "require_isolation": True,
    }
    assert [key for key in keys if key in data["b"]] == ["isolation"]
    assert plan_from_dict(plan_to_dict(plan)) == plan


def test_the_plan_shows_it() -> None:
    lines = [line.strip() for line in plan_text(good_plan(BOXED)).splitlines()]
    assert lines[3:10] == [
        "a  a",
        "sandbox, writes dist/, /cache, with network",
        "b  b",
        "sandbox, writes nothing",
        "c  c",
        "d  d",
        "own process tree",
    ]


def test_templates_in_writes_are_filled() -> None:
    plan = good_plan(
        """
        params: {out: {default: dist}}
        defaults: {isolation: sandbox, writes: ["${{ params.out }}/default"]}
        workflows:
          a: {run: a, matrix: {os: [linux]}, writes: ["${{ params.out }}/${{ matrix.os }}", plain]}
          b: {run: b}
        """
    )
    assert spec_of(plan, "a[os=linux]").writes == ("dist/linux", "plain")
    assert spec_of(plan, "b").writes == ("dist/default",)


def test_what_a_template_in_writes_asks_for_must_be_there() -> None:
    found = planned(
        """
        defaults: {writes: ["${{ params.no }}"]}
        workflows:
          a: {run: a, isolation: sandbox}
          b: {run: b, isolation: sandbox, writes: [x, "${{ matrix.os }}"]}
        """
    ).diagnostics
    assert [(one.code, one.path) for one in found] == [
        ("PX212", ("defaults", "writes", 0)),
        ("PX212", ("workflows", "b", "writes", 1)),
    ]


@pytest.mark.parametrize("isolation", ["none", "process"])
def test_keys_of_a_sandbox_without_one_are_a_warning(isolation: str) -> None:
    found = planned(
        f"workflows: {{a: {{run: a, isolation: {isolation}, writes: [b], network: true}}, b: {{run: b}}}}"
    ).diagnostics
    assert [(one.code, one.severity, one.path[-1]) for one in found] == [
        ("PX222", "warning", "writes"),
        ("PX222", "warning", "network"),
    ]
    assert found[0].help == "add `isolation: sandbox`, or remove `writes`"


def test_keys_of_a_sandbox_in_the_defaults_wait_for_jobs_that_have_one() -> None:
    assert planned("defaults: {writes: [a], network: true}\nworkflows: {a: {run: a}}").diagnostics == ()


def test_the_warning_is_at_the_key() -> None:
    (found,) = planned("workflows:\n  a:\n    run: a\n    writes: [dist]\n").diagnostics
    assert found.message == "`writes` of `a` has no effect: its isolation is `none`"
    assert found.span == Span("pexec.yaml", 5, 5, 6)
