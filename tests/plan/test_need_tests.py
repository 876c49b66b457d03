"""What an `if` may ask of needs, and what becomes of it in a plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import good_plan, picture, planned

from orchestrator.engine.states import TERMINAL
from orchestrator.plan.condition_model import GlobPattern, RunCondition
from orchestrator.plan.inputs import Selection
from orchestrator.plan.model import Plan
from orchestrator.plan.render import plan_text
from orchestrator.plan.run_conditions import ENDS, agrees, holds, in_words, settled, split_test
from orchestrator.report.verify.condition_rules import _fits

# `publish` follows, with its keys on lines 9 and 10.
WORKFLOWS = """workflows:
  version:
    run: ./version.sh
    outputs: {number: {}, stable: {type: boolean, default: false}, count: {type: number}}
  build: {run: ./build.sh}
  lint: {run: ./lint.sh, allow_failure: true}
"""


def manifest(condition: str, needs: str = "needs: [version, build, lint]") -> str:
    return f"{WORKFLOWS}  publish:\n    {needs}\n    if: {condition}\n    run: ./publish.sh\n"


def told(condition: str, needs: str = "needs: [version, build, lint]") -> str:
    return "\n".join(picture(one) for one in planned(manifest(condition, needs)).diagnostics)


def condition_of(plan: Plan, job: str = "publish") -> RunCondition | None:
    return next(one.condition for one in plan.jobs if one.id == job)


def test_the_ends_that_a_condition_may_ask_for_are_those_of_jobs() -> None:
    assert sorted(ENDS) == sorted(state.value for state in TERMINAL)


def test_what_is_asked_of_needs_stays_in_the_plan_and_the_rest_is_decided() -> None:
    plan = good_plan(
        "params: {release: {default: x}}\n"
        + manifest(
            "{needs.version.outputs.number: {glob: 'v*'}, params.release: x, "
            "any: [{needs.build.status: succeeded}, {params.release: y}], not: {needs.lint.status: [failed, lost]}, "
            "all: [{params.release: x}, {needs.version.outputs.stable: true}]}"
        )
    )
    assert condition_of(plan) == RunCondition(
        {"needs.version.outputs.number": (GlobPattern("v*"),)},
        RunCondition({"needs.lint.status": ("failed", "lost")}),
        (RunCondition({"needs.build.status": ("succeeded",)}),),
        (RunCondition({"needs.version.outputs.stable": ("true",)}),),
    )
    assert (
        "if needs.version.outputs.number is like v* and not (needs.lint.status is failed or lost)"
        " and (needs.build.status is succeeded) and needs.version.outputs.stable is true" in plan_text(plan)
    )


@pytest.mark.parametrize(
    ("condition", "is_open"),
    [
        ("{any: [{needs.build.status: failed}, {params.release: x}]}", False),
        ("{not: {needs.build.status: failed, params.release: y}}", False),
        ("{not: {needs.build.status: failed, params.release: x}}", True),
        ("{all: [{not: {params.release: y}}, {needs.lint.status: failed}]}", True),
    ],
)
def test_a_condition_is_decided_when_planning_where_that_is_possible(condition: str, is_open: bool) -> None:
    plan = good_plan(
        "params: {release: {default: x}}\n" + manifest(condition, "needs: [build, lint]\n    when: always")
    )
    assert (condition_of(plan) is not None) == is_open


def test_a_condition_that_cannot_hold_whatever_the_needs_do_leaves_the_workflow_out() -> None:
    for condition in (
        "{needs.build.status: succeeded, params.release: y}",
        "{not: {any: [{needs.build.status: lost}, {params.release: x}]}}",
        "{any: [{params.release: y}]}",
        "{all: [{params.release: y}, {needs.build.status: succeeded}]}",
    ):
        plan = good_plan("params: {release: {default: x}}\n" + manifest(condition, "needs: build"))
        assert [name for name, _ in plan.left_out] == ["publish"]


def test_a_need_that_is_not_in_the_run_was_left_out_and_its_values_are_their_defaults() -> None:
    skip = Selection(skip=("version",))
    for condition, expected in (
        ("{needs.version.outputs.stable: false}", None),
        ("{needs.version.outputs.stable: true}", RunCondition({"needs.version.outputs.stable": ()})),
        ("{needs.version.outputs.number: v1}", RunCondition({"needs.version.outputs.number": ("v1",)})),
        ("{needs.version.status: left_out}", RunCondition({"needs.version.status": ("left_out",)})),
        (
            "{needs.version.outputs.stable: false, needs.build.status: succeeded}",
            RunCondition({"needs.build.status": ("succeeded",)}),
        ),
    ):
        plan = good_plan(manifest(condition), selection=skip)
        assert condition_of(plan) == expected
    assert in_words(RunCondition({"needs.version.outputs.stable": ()})) == "needs.version.outputs.stable does not hold"


@pytest.mark.parametrize(
    ("condition", "needs", "expected"),
    [
        (
            "{needs.version.outputs.number: x}",
            "needs: build",
            "error[PX233]: `needs.version.outputs.number` in `if` of workflow `publish` refers to a value of "
            "`version`, which is not in `needs`\n  at 10:10+28\n  = add it: `needs: [build, version]`",
        ),
        (
            "{needs.biuld.status: succeeded}",
            "needs: build",
            "error[PX233]: `needs.biuld.status` in `if` of workflow `publish` refers to an unknown workflow\n"
            "  at 10:10+18\n  = did you mean `build`?",
        ),
        (
            "{needs.version.outputs.numbr: x}",
            "needs: version",
            "error[PX234]: `needs.version.outputs.numbr` in `if` of workflow `publish` refers to an unknown output of "
            "`version`\n  at 10:10+27\n  = did you mean `number`?",
        ),
        (
            "{needs.build.status: [succeeded, succeded]}",
            "needs: build",
            "error[PX238]: `needs.build.status` is never `succeded`\n  at 10:42+8\n  = did you mean `succeeded`?",
        ),
        (
            "{needs.build.status: timeout}",
            "needs: build",
            "error[PX238]: `needs.build.status` is never `timeout`\n  at 10:30+7\n  = write `timed_out`",
        ),
        (
            "{needs.build.status: {glob: 'x*'}}",
            "needs: build",
            "error[PX238]: `needs.build.status` is never like `x*`\n  at 10:30+12\n  = a job ends as `succeeded`, "
            "`failed`, `timed_out`, `skipped`, `cancelled`, `lost`, `left_out`",
        ),
        (
            "{needs.version.outputs.stable: maybe}",
            "needs: version",
            "error[PX238]: `needs.version.outputs.stable` is never `maybe`\n  at 10:40+5\n"
            "  = its type is `boolean`: `true` or `false`",
        ),
        (
            "{needs.version.outputs.stable: {glob: 'x*'}}",
            "needs: version",
            "error[PX238]: `needs.version.outputs.stable` is never like `x*`\n  at 10:40+12\n  = its type is `boolean`",
        ),
        (
            "{needs.version.outputs.count: many}",
            "needs: version",
            "error[PX238]: `needs.version.outputs.count` is never `many`\n  at 10:39+4\n"
            "  = its type is `number`: a number, as JSON writes it",
        ),
        (
            "{needs.build.status: failed}",
            "needs: build",
            "error[PX237]: the `if` of `publish` can never hold with `when: success`\n  at 10:5+2\n"
            "  = add `when: always`: `when` decides first, then `if`",
        ),
        (
            "{needs.build.status: succeeded}",
            "needs: build\n    when: failure",
            "error[PX237]: the `if` of `publish` can never hold with `when: failure`\n  at 11:5+2\n"
            "  = add `when: always`: `when` decides first, then `if`",
        ),
        (
            "{not: {needs.build.status: {glob: '*'}}}",
            "needs: build",
            "error[PX237]: the `if` of `publish` can never hold\n  at 10:5+2",
        ),
    ],
    ids=range(12),
)
def test_what_cannot_be_asked_is_reported(condition: str, needs: str, expected: str) -> None:
    assert told(condition, needs) == expected


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        ("{needs.lint.status: failed}", "needs: lint"),
        ("{needs.build.status: left_out}", "needs: build"),
        ("{needs.build.status: failed}", "needs: build\n    when: failure"),
        ("{needs.build.status: skipped}", "needs: [build, version]\n    when: failure"),
        ("{needs.build.status: succeeded}", "needs: [build, version]\n    when: failure"),
        ("{needs.build.status: lost}", "needs: build\n    when: always"),
        ("{needs.build.status: succeeded}", 'needs: "*"'),
        ("{needs.version.outputs.number: {glob: 'v?'}}", "needs: version"),
        ("{needs.version.outputs.stable: {glob: 't*'}}", "needs: version"),
        ("{needs.version.outputs.count: 1.5}", "needs: version"),
        ("{any: [{needs.build.status: failed}, {needs.build.status: succeeded}]}", "needs: build"),
        ("{not: {all: [{needs.build.status: succeeded}], any: [{needs.build.status: succeeded}]}}", "needs: build"),
    ],
)
def test_what_can_hold_is_accepted(condition: str, needs: str) -> None:
    assert told(condition, needs) == ""


def test_a_value_of_several_jobs_cannot_be_asked_for() -> None:
    text = """workflows:
  test: {matrix: {n: [1, 2]}, run: x, outputs: {ok: {type: boolean}}}
  report: {needs: test, if: {needs.test.outputs.ok: true}, run: x}
"""
    (found,) = planned(text).diagnostics
    assert (found.code, found.help) == (
        "PX235",
        "select one of them, as in `needs: {workflow: test, matrix: {...}}`",
    )


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("needs.a.status", ("a", "")),
        ("needs.a.b.outputs.c", ("a.b", "c")),
        ("needs.a.outputs.status", ("a", "status")),
        ("needs.a.outputs.b.status", ("a.outputs.b", "")),
    ],
)
def test_the_name_of_a_test_is_split_at_the_last_mention_of_outputs(name: str, parts: tuple[str, str]) -> None:
    assert split_test(name) == parts


NAMES = ("needs.a.status", "needs.b.status")
TEXTS = st.sampled_from(("", "x", "y"))
TESTS = st.dictionaries(st.sampled_from(NAMES), st.lists(TEXTS, max_size=2).map(tuple), max_size=2)
CONDITIONS = st.recursive(
    st.builds(RunCondition, TESTS),
    lambda inner: st.builds(
        RunCondition,
        TESTS,
        st.none() | inner,
        st.lists(inner, max_size=2).map(tuple),
        st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=6,
)


@given(CONDITIONS, TEXTS, st.none() | TEXTS)
def test_what_is_decided_early_is_what_would_be_decided_late(condition: RunCondition, a: str, b: str | None) -> None:
    values = {"needs.a.status": a, "needs.b.status": b}
    decided = settled(condition, {"needs.a.status": a})
    late = holds(condition, values.__getitem__)
    assert (decided if isinstance(decided, bool) else holds(decided, values.__getitem__)) == late


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_verify_matches_patterns_as_the_plan_does(glob: str, text: str) -> None:
    assert _fits(text, {"glob": glob}) == agrees(text, (GlobPattern(glob),))
