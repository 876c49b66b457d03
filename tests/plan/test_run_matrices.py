"""Matrices whose values or whose model is not in the run."""

from __future__ import annotations

import pytest
from support.planning import good_plan, planned

from orchestrator.manifest.file_facts import Listing, ListingRequest
from orchestrator.plan.inputs import Selection
from orchestrator.plan.model import Plan
from orchestrator.plan.render import plan_text
from orchestrator.plan.run_matrix import RunAxis, RunMatrix

MANIFEST = """
workflows:
  plan: {run: x, outputs: {list: {type: json}}}
  test: {needs: plan, matrix: {s: {from: needs.plan.outputs.list}, n: [1, 2]}, run: x}
  pack:
    needs: {workflow: test, matrix: {s: "${{ matrix.s }}"}}
    matrix: {like: test}
    run: x
  send: {needs: pack, matrix: {like: pack}, run: x}
  first: {needs: {workflow: test, matrix: {s: a}}, run: x}
"""
OF_PLAN = RunMatrix((RunAxis("s", workflow="plan", output="list"), RunAxis("n", (1, 2))))


def skipped(*names: str, manifest: str = MANIFEST) -> Plan:
    return good_plan(manifest, selection=Selection(skip=names))


def matrices(plan: Plan) -> dict[str, RunMatrix | None]:
    return {job.workflow: job.run_matrix for job in plan.jobs if job.workflow not in ("plan", "first")}


def test_a_matrix_whose_model_is_not_in_the_run_expands_by_the_same_values() -> None:
    assert matrices(skipped("test")) == {"pack": OF_PLAN, "send": RunMatrix(like="pack")}
    assert matrices(skipped("test", "pack")) == {"send": OF_PLAN}
    assert matrices(skipped("pack")) == {"test": OF_PLAN, "send": RunMatrix(like="test")}


def test_a_choice_among_cells_of_a_workflow_that_is_not_in_the_run_asks_for_nothing() -> None:
    assert not any(job.chosen_cells for job in skipped("test").jobs)
    assert {job.workflow for job in skipped("send").jobs if job.chosen_cells} == {"pack", "first"}


def test_a_default_counts_for_a_source_that_is_not_in_the_run() -> None:
    manifest = MANIFEST.replace("{type: json}", "{type: json, default: [a]}")
    plan = skipped("plan", manifest=manifest)
    of_default = RunMatrix((RunAxis("s", workflow="plan", output="list", default='["a"]'), RunAxis("n", (1, 2))))
    assert matrices(plan)["test"] == of_default
    assert "a job for each value of the default of plan.list\n" in plan_text(plan)
    assert matrices(skipped("plan", "test", manifest=manifest))["pack"] == of_default
    assert matrices(skipped(manifest=manifest))["test"] == OF_PLAN


@pytest.mark.parametrize(
    ("skip", "workflow", "place"),
    [(("plan",), "test", ("s", "from")), (("plan", "test"), "pack", ("like",))],
)
def test_a_source_that_is_not_in_the_run_and_has_no_default_is_an_error(
    skip: tuple[str, ...], workflow: str, place: tuple[str, ...]
) -> None:
    (error,) = planned(MANIFEST, selection=Selection(skip=skip)).diagnostics
    assert (error.code, error.path) == ("PX236", ("workflows", workflow, "matrix", *place))
    assert error.message == "`needs.plan.outputs.list` has no value: `plan` is not part of this run"
    assert error.help == "add `plan` to the run, or declare a `default` of its output `list`"


@pytest.mark.parametrize("key", ["if: {env.NOPE: 'true'}", "manual: true"])
def test_a_source_that_is_left_out_by_the_manifest_is_an_error_too(key: str) -> None:
    (error,) = planned(MANIFEST.replace("plan: {run", f"plan: {{{key}, run")).diagnostics
    assert (error.code, error.path) == ("PX236", ("workflows", "test", "matrix", "s", "from"))


def test_a_growing_matrix_has_the_errors_of_its_other_axes_and_none_of_its_own_without_files() -> None:
    manifest = """
    workflows:
      plan: {run: x, outputs: {list: {type: json}}}
      test: {needs: plan, matrix: {s: {from: needs.plan.outputs.list}, f: {glob: "*.none"}}, run: x}
    """
    listings = {("test", "f"): (ListingRequest("glob", "*.none"), Listing())}
    assert [one.code for one in planned(manifest, listings=listings).diagnostics] == ["PX241"]
    allowed = manifest.replace('"*.none"', '"*.none", allow_empty: true')
    assert dict(good_plan(allowed, listings=listings).left_out)["test"] == "no file matches `*.none`"
