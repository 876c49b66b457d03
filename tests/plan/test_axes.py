"""What values that were listed from files mean: jobs, a workflow that is left out, or an error."""

from __future__ import annotations

import pytest
from support.planning import good_plan, picture, planned

from orchestrator.manifest.file_facts import Listing, ListingRequest, Listings
from orchestrator.plan.inputs import Selection

GLOB = ListingRequest("glob", "data/*")


def listed(*values: str, request: ListingRequest = GLOB, lines: tuple[int, ...] = ()) -> Listings:
    return {("w", "f"): (request, Listing(values, lines))}


def manifest(axis: str = "{glob: 'data/*', allow_empty: true}", rest: str = "") -> str:
    return f"workflows:\n  w: {{run: 'x ${{{{ matrix.f }}}}', matrix: {{f: {axis}{rest}}}}}\n"


def told(listings: Listings, axis: str = "{glob: 'data/*'}", rest: str = "") -> str:
    result = planned(manifest(axis, rest), listings=listings)
    assert result.plan is None
    return "\n".join(map(picture, result.diagnostics))


def test_each_value_is_a_job() -> None:
    plan = good_plan(manifest(rest=", n: [1, 2], exclude: [{f: b c, n: 1}]"), listings=listed("a", "b c"))
    assert [job.id for job in plan.jobs] == ["w[f=a,n=1]", "w[f=a,n=2]", "w[f=b c,n=2]"]
    assert [job.spec.run for job in plan.jobs][::2] == ["x a", "x 'b c'"]


def test_what_was_listed_is_in_the_digest_of_the_plan() -> None:
    first, same, other = (good_plan(manifest(), listings=listed(*names)) for names in ("ab", "ab", "ac"))
    assert first.digest == same.digest != other.digest


def test_without_a_value_the_workflow_is_left_out_and_satisfies_what_needs_it() -> None:
    rest = """
  before: {run: b}
  w2: {run: y, needs: before, matrix: {f: {lines: list, allow_empty: true}, exclude: [{f: q}]}}
  after: {run: z, needs: [w, {workflow: w2, matrix: {f: any}}]}
"""
    listings: Listings = {**listed(), ("w2", "f"): (ListingRequest("lines", "list"), Listing())}
    plan = good_plan(manifest() + rest, listings=listings)
    assert [job.id for job in plan.jobs] == ["before", "after"]
    assert plan.jobs[1].needs == (0,)
    assert plan.left_out == (("w", "no file matches `data/*`"), ("w2", "`list` has no lines"))


def test_an_empty_matrix_is_left_out_whatever_its_condition() -> None:
    text = manifest().replace("{run", "{if: {platform.system: x}, run") + "  v: {run: v}\n"
    plan = good_plan(text, listings=listed())
    assert plan.left_out == (("w", "no file matches `data/*`"),)
    assert [job.id for job in good_plan(text, listings=listed(), selection=Selection(jobs=("v",))).jobs] == ["v"]


def test_include_adds_cells_to_an_empty_axis() -> None:
    plan = good_plan(manifest(rest=", include: [{f: x}]"), listings=listed())
    assert [job.id for job in plan.jobs] == ["w[f=x]"]


def test_a_template_of_an_empty_matrix_is_checked_against_its_axes() -> None:
    result = planned(manifest().replace("matrix.f ", "matrix.g "), listings=listed())
    assert [diagnostic.code for diagnostic in result.diagnostics] == ["PX212"]


def test_no_value_is_an_error_unless_it_is_allowed() -> None:
    assert told(listed()) == (
        "error[PX241]: no file matches `data/*`\n  at 3:45+16\n"
        "  = where that is fine, write `allow_empty: true`: `w` is left out then"
    )
    json = ListingRequest("json", "x.json", at="/a")
    assert "`/a` of `x.json` has no values" in told(listed(request=json), "{json: x.json, at: /a}")
    assert "`x.json` has no values" in told(listed(request=ListingRequest("json", "x.json")), "{json: x.json}")


@pytest.mark.parametrize(
    ("values", "lines", "said"),
    [
        (("a", "b" * 101), (), f"`data/*` for `f` of `w`: `{'b' * 60}...` has more than 100 characters"),
        (("a\tb",), (), "`data/*` for `f` of `w`: `a\u2409b` has a control character or a line end"),
        (("a", "b", "a"), (), "`data/*` for `f` of `w`: `a` is a duplicate"),
        (("a", "b", "a"), (1, 2, 1007), "`data/*` for `f` of `w`: line 1,007: `a` is a duplicate of line 1"),
    ],
)
def test_a_value_that_cannot_be_part_of_an_id_is_told(
    values: tuple[str, ...], lines: tuple[int, ...], said: str
) -> None:
    assert told(listed(*values, lines=lines)) == f"error[PX210]: {said}\n  at 3:45+16\n  = it is part of the job's id"


def test_values_that_could_not_be_listed_are_an_error() -> None:
    problem: Listings = {("w", "f"): (GLOB, Listing(problem="`x` does not exist", help="write it"))}
    assert told(problem) == "error[PX240]: `x` does not exist\n  at 3:45+16\n  = write it"
    assert told({}) == "error[PX240]: its values were not listed\n  at 3:45+16"


def test_too_many_listed_values_are_told() -> None:
    assert "the matrix of `w` has 20,000 cells" in told(listed(*map(str, range(10_000))), rest=", n: [1, 2]")
