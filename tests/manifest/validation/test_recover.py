"""What is left of an invalid manifest: enough to plan it, so that all its errors are reported in one pass."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests import line, loaded, reported, workflow, workflow_of

from orchestrator.diagnostics.model import has_errors
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.section import keys_of
from orchestrator.plan.inputs import PlanningEnvironment, ReadManifest
from orchestrator.plan.make import make_plan


def salvaged(text: str) -> Manifest:
    """What is left of an invalid manifest."""
    found = loaded(text)
    assert has_errors(found.diagnostics)
    assert found.manifest is not None
    return found.manifest


def workflows(text: str) -> Mapping[str, Workflow]:
    return salvaged(text).workflows


def test_three_planted_errors_are_reported_in_one_pass_and_the_rest_is_kept() -> None:
    text = """\
        version: 1
        policy: {max_parallel_jobs: many, pools: {gpu: 2}}
        workflows:
          fetch: {run: 3.10, timeout: 5m}
          build: {run: make, needs: [fetch], neeeds: [test], pools: {gpu: 1}}
          test: {run: make test, needs: build, when: alway}
        """
    assert reported(text) == [
        "PX113 2:29+4 `policy.max_parallel_jobs` must be a positive integer, `auto`, or a percentage of the CPUs such"
        " as `150%`",
        'PX117 4:16+4 `run` of workflow `fetch`: expected text, found a number | put it in quotes: `"3.10"`',
        "PX110 5:38+6 unknown key `neeeds` in workflow `build` | did you mean `needs`?",
        "PX113 6:46+5 `when` of workflow `test` must be `success`, `failure` or `always` | did you mean `always`?",
    ]
    manifest = salvaged(text)
    assert (manifest.policy.max_parallel_jobs, manifest.policy.pools) == (4, {"gpu": 2})
    assert manifest.workflows == {
        "fetch": workflow_of(run=":", timeout="5m"),
        "build": workflow_of(run="make", needs=["fetch"], pools={"gpu": 1}),
        "test": workflow_of(run="make test", needs=["build"]),
    }


def test_an_unusable_workflow_keeps_its_name() -> None:
    assert workflows("version: 1\nworkflows:\n  a: 7\n  b:\n  c: {}\n  d: {needs: a, priority: x}\n  e: [x]\n") == {
        "a": workflow_of(run=":"),
        "b": workflow_of(run=":"),
        "c": workflow_of(run=":"),
        "d": workflow_of(needs=["a"]),
        "e": workflow_of(run=":"),
    }


def test_a_workflow_with_two_commands_runs_neither_and_keeps_its_needs() -> None:
    text = "version: 1\nworkflows:\n  a: {run: x, argv: [y], needs: [b, 3], tags: t}\n  b: {run: x, args: [y]}\n"
    assert workflows(text) == {"a": workflow_of(run=":", needs=["b"], tags=["t"]), "b": workflow_of(run=":")}


def test_invalid_items_are_removed_from_a_list() -> None:
    assert workflows(workflow("run: x, needs: [1, a, b c, d, null]"))["build"].needs == ("a", "d")
    assert workflows(workflow("run: x, retry: {on: [fail, failed, {exit: [0, 7]}, {}], delay: -1}"))[
        "build"
    ] == workflow_of(run="x", retry={"on": ["failed", {"exit": [7]}]})


def test_what_a_recovery_empties_is_removed_as_a_whole() -> None:
    assert workflows(workflow("run: x, shell: [1, 2], retry: {on: [{exit: [0]}]}"))["build"] == workflow_of(
        run="x", retry={"on": []}
    )
    assert workflows(workflow("argv: [1]"))["build"] == workflow_of(run=":")


def test_a_workflow_whose_name_is_wrong_is_left_out() -> None:
    assert list(workflows("version: 1\nworkflows: {a b: {run: x}, c: {run: x, needs: [a b]}}\n")) == ["c"]


def test_a_pool_without_its_size_has_room_for_all() -> None:
    manifest = salvaged(
        "version: 1\npolicy: {pools: {gpu: none, db: 0, p q: 1}}\nworkflows: {a: {run: x, pools: {gpu: 9}}}\n"
    )
    assert manifest.policy.pools == {"gpu": 1_000_000, "db": 1_000_000}
    assert manifest.workflows["a"].pools == {"gpu": 9}


@pytest.mark.parametrize(
    "section", ["policy: 3", "policy: {timeout: x}", "defaults: []", "defaults: {shell: x}", "x: y"]
)
def test_a_section_that_is_wrong_has_its_defaults(section: str) -> None:
    plain = "version: 1\nworkflows: {a: {run: x}}\n"
    assert salvaged(plain + section) == loaded(plain).manifest


@pytest.mark.parametrize("version", ["", "version: 2\n", "version:\n"])
def test_another_version_is_planned_as_version_1(version: str) -> None:
    assert list(workflows(version + "workflows: {a: {run: x}}\n")) == ["a"]


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "version: 1", "version: 1\nworkflows: 3", "version: 1\nworkflows: {}", "a: {", "jobs: {}"]
)
def test_nothing_is_left_without_a_workflow(text: str) -> None:
    found = loaded(text)
    assert found.manifest is None
    assert has_errors(found.diagnostics)


def test_the_last_of_duplicate_keys_is_kept() -> None:
    assert workflows("version: 1\nworkflows: {a: {run: x}, a: {run: y}}\n") == {"a": workflow_of(run="y")}


def test_too_many_errors_leave_nothing() -> None:
    found = loaded(workflow("run: x, " + ", ".join(f"unknown{number}: 1" for number in range(2_000))))
    assert found.manifest is None
    assert len(found.diagnostics) == 100


def test_a_large_manifest_with_a_few_errors_is_planned() -> None:
    names = [f"w{number}" for number in range(20_000)]
    found = loaded(
        "version: 1\nworkflows:\n" + "".join(f"  {name}: {{run: x}}\n" for name in names) + "  z: {rnu: x}\n"
    )
    assert [line(diagnostic) for diagnostic in found.diagnostics] == [
        "PX110 20003:7+3 unknown key `rnu` in workflow `z` | did you mean `run`?"
    ]
    assert found.manifest is not None
    assert list(found.manifest.workflows) == [*names, "z"]


_names = st.sampled_from(["a", "b", "run", "needs", "policy", "pools", "x y", "retry", "on", "exit", "version", "env"])
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.sampled_from(["x", "5m", "none", "", "failed", "all", "a b", "1:30"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)
_keys = st.sampled_from([*keys_of(Workflow), "x", "cmd"])
_manifests = st.fixed_dictionaries(
    {"workflows": st.dictionaries(_names, st.dictionaries(_keys, _values, max_size=6) | _values, max_size=3) | _values},
    optional={
        "version": st.just(1) | _values,
        "policy": _values,
        "defaults": st.dictionaries(_keys, _values),
        "x": _values,
    },
)


@given(_manifests)
def test_any_data_is_a_manifest_or_has_diagnostics_with_places(data: object) -> None:
    text = json.dumps(data, indent=1)
    for name in ("pexec.yaml", "pexec.json"):
        found = loaded(text, name)
        assert has_errors(found.diagnostics) == bool(found.diagnostics)
        assert found.manifest is not None or found.diagnostics
        for diagnostic in found.diagnostics:
            assert diagnostic.span is not None
            assert "pydantic" not in diagnostic.message
            assert "Input should" not in diagnostic.message
            _stands_in(text, diagnostic.span.line, diagnostic.span.column, diagnostic.span.length)


def _stands_in(text: str, start_line: int, column: int, length: int) -> None:
    """The span is inside its line, or just after its end if there is nothing."""
    shown = text.split("\n")[start_line - 1]
    assert column - 1 + length <= len(shown) + 1


def test_items_after_a_removed_one_keep_their_place() -> None:
    text = """\
        version: 1
        workflows:
          a: {run: x, needs: [1, b, a b, nobody, 2, b], after: [3, zebra]}
          b: {run: x, matrix: {os: [[x], linux, 3.10]}, needs: [{}, {workflow: no}]}
        """
    found = loaded(text)
    assert found.manifest is not None
    read = ReadManifest(found.manifest, found.source, path="pexec.yaml", base_dir="/")
    planned = make_plan(read, PlanningEnvironment()).diagnostics
    assert [line(diagnostic).split(" |")[0] for diagnostic in planned] == [
        "PX202 3:34+6 unknown workflow `nobody` in `needs` of `a`",
        "PX208 3:45+1 `a` names `b` twice in `needs`",
        "PX202 3:60+5 unknown workflow `zebra` in `after` of `a`",
        "PX219 4:41+4 `3.10` is the number 3.1",
        "PX202 4:72+2 unknown workflow `no` in `needs` of `b`",
    ]
    assert [note.span and note.span.column for note in planned[1].notes] == [45, 26]
