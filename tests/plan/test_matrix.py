"""Which cells a matrix has, as GitHub Actions says, and what may be wrong with one."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import good_plan, picture, planned

from orchestrator.manifest.file_facts import Listing, ListingRequest
from orchestrator.manifest.matrix_keys import Matrix
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.manifest.value_errors import InvalidDataError
from orchestrator.plan.matrix import cells_of
from orchestrator.plan.model import Plan
from orchestrator.plan.render import plan_text

Values = dict[str, str | int | float | bool]


def cells(**matrix: object) -> list[Values]:
    found: list[object] = []
    laid_out = cells_of("w", Matrix.parse(matrix), {}, SourceMap(), found).cells  # type: ignore[arg-type]
    assert found == []
    return [dict(cell.values) for cell in laid_out]


def plan(matrix: str, rest: str = "") -> Plan:
    return good_plan(f"workflows:\n  w:\n    run: x\n    matrix: {matrix}\n{textwrap.indent(rest, '  ')}")


def ids(matrix: str) -> list[str]:
    return [job.id for job in plan(matrix).jobs]


def told(matrix: str) -> str:
    text = f"workflows:\n  w:\n    run: x\n    matrix: {matrix}\n"
    return "\n".join(picture(diagnostic) for diagnostic in planned(text).diagnostics)


def test_axes_multiply_in_declared_order_the_last_one_fastest() -> None:
    assert ids("{os: [linux, mac], python: [3.9, '3.10']}") == [
        "w[os=linux,python=3.9]",
        "w[os=linux,python=3.10]",
        "w[os=mac,python=3.9]",
        "w[os=mac,python=3.10]",
    ]
    assert [dict(job.matrix) for job in plan("{a: [1, true, x]}").jobs] == [{"a": 1}, {"a": True}, {"a": "x"}]
    assert {job.workflow for job in plan("{a: [1, 2]}").jobs} == {"w"}


def test_the_documented_example_of_github_actions() -> None:
    include = [
        {"color": "green"},
        {"color": "pink", "animal": "cat"},
        {"fruit": "apple", "shape": "circle"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]
    assert cells(fruit=["apple", "pear"], animal=["cat", "dog"], include=include) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_include_alone_makes_a_cell_for_each_entry() -> None:
    assert ids("{include: [{site: production, datacenter: a}, {site: staging}]}") == [
        "w[site=production,datacenter=a]",
        "w[site=staging]",
    ]


def test_exclude_takes_out_what_has_all_its_values_and_include_comes_behind_it() -> None:
    matrix = {
        "os": ["linux", "mac"],
        "node": [18, 20],
        "exclude": [{"os": "mac"}, {"os": "linux", "node": "18"}],
        "include": [{"os": "mac", "node": 18}, {"npm": 6}],
    }
    assert cells(**matrix) == [{"os": "linux", "node": 20, "npm": 6}, {"os": "mac", "node": 18}]


def test_values_that_include_adds_are_not_in_the_id_of_a_combination() -> None:
    assert ids("{os: [linux], include: [{os: linux, extra: a}]}") == ["w[os=linux]"]
    assert ids("{os: [linux], include: [{extra: a, os: mac}]}") == ["w[os=linux]", "w[os=mac,extra=a]"]


def test_a_later_include_overwrites_what_an_earlier_one_added_but_no_axis() -> None:
    assert cells(os=["linux"], include=[{"a": 1}, {"a": 2, "b": 3}]) == [{"os": "linux", "a": 2, "b": 3}]


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)),
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), min_size=1), max_size=3),
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), min_size=1), max_size=4),
)
def test_any_matrix_has_unique_ids_and_obeys_its_parts(
    axes: dict[str, list[int]], exclude: list[dict[str, int]], include: list[dict[str, int]]
) -> None:
    found: list[object] = []
    matrix = Matrix.parse({**axes, "exclude": exclude, "include": include})
    laid_out = cells_of("w", matrix, {}, SourceMap(), found).cells  # type: ignore[arg-type]
    assert len({cell.label for cell in laid_out}) == len(laid_out)
    combinations = [cell.values for cell in laid_out if all(axis in cell.values for axis in axes)] if axes else []
    for entry in exclude:
        left = [cell for cell in combinations if entry.items() <= {axis: cell[axis] for axis in axes}.items()]
        assert all(any(more.items() <= cell.items() for more in include) for cell in left)
    for entry in include:  # each stands somewhere: in combinations that agree with it, or as a cell of its own
        on_axes = {axis: value for axis, value in entry.items() if axis in axes}
        assert any(on_axes.items() <= cell.values.items() for cell in laid_out)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (
            "{a: [x], exclude: [{a: x}]}",
            """
            error[PX209]: the matrix of `w` has no cells
              at 5:13+27
              = name an axis with its values
            """,
        ),
        (
            "{}",
            """
            error[PX209]: the matrix of `w` has no cells
              at 5:13+2
              = name an axis with its values
            """,
        ),
        (
            "{a: [x, y, x]}",
            """
            error[PX210]: duplicate value `x` in `a`
              at 5:24+1
              5:24+1: again
              5:18+1: first defined here
              = remove one of the two
            """,
        ),
        (
            "{include: [{a: 1}, {a: '1'}]}",
            """
            error[PX210]: duplicate job `w[a=1]` in the matrix
              at 5:32+8
            """,
        ),
        (
            '{a: ["x\\ny"]}',
            """
            error[PX210]: a matrix value must be one line of at most 100 characters
              at 5:18+6
              = it is part of the job's id
            """,
        ),
        (
            "{a: [x], exclude: [{b: x}, {a: y}], include: [{a: 010}]}",
            """
            warning[PX211]: this `exclude` matches no cell
              at 5:32+6
            warning[PX211]: this `exclude` matches no cell
              at 5:40+6
            warning[PX219]: `010` is the number 10
              at 5:63+3
              = quote it if that is not intended: `"010"`
            """,
        ),
        (
            "{python: [3.9, 3.10, 1e1, 0x10, '3.10', -1, true]}",
            """
            warning[PX219]: `3.10` is the number 3.1
              at 5:28+4
              = quote it if that is not intended: `"3.10"`
            warning[PX219]: `1e1` is the number 10.0
              at 5:34+3
              = quote it if that is not intended: `"1e1"`
            warning[PX219]: `0x10` is the number 16
              at 5:39+4
              = quote it if that is not intended: `"0x10"`
            """,
        ),
    ],
)
def test_what_is_wrong_with_a_matrix_is_reported(matrix: str, said: str) -> None:
    assert told(matrix) == textwrap.dedent(said).strip()


def test_too_many_cells_are_reported_before_any_is_made() -> None:
    axis = "[" + ", ".join(f"v{number}" for number in range(3000)) + "]"
    assert told(f"{{a: {axis}, b: {axis}, c: {axis}}}").split("\n")[0] == (
        "error[PX209]: the matrix of `w` has 27,000,000,000 cells"
    )
    assert told(f"{{a: {axis}, b: {axis}, c: {axis}}}").endswith(
        "= a matrix has at most 10,000; its axes have 3,000 x 3,000 x 3,000 values"
    )


def test_too_many_comparisons_are_reported_before_any_is_made() -> None:
    axis = "[" + ", ".join(f"v{number}" for number in range(100)) + "]"
    entries = ", ".join("{a: x}" for _ in range(5000))
    assert told(f"{{a: {axis}, b: {axis}, include: [{entries}]}}").startswith(
        "error[PX209]: the matrix of `w` has 10,000 combinations and 5,000 entries to compare them with"
    )


def test_ten_thousand_cells_are_planned() -> None:
    axis = "[" + ", ".join(f"v{number}" for number in range(100)) + "]"
    assert len(plan(f"{{a: {axis}, b: {axis}}}").jobs) == 10_000


def test_far_too_many_cells_of_many_matrices_are_reported() -> None:
    axis = "[" + ", ".join(f"v{number}" for number in range(100)) + "]"
    workflows = "".join(f"  w{n}: {{run: x, matrix: {{a: &a{n} {axis}, b: *a{n}}}}}\n" for n in range(21))
    (found,) = planned(f"workflows:\n{workflows}").diagnostics
    assert (found.code, found.message) == ("PX230", "the matrices have 210,000 cells in total")


def test_a_workflow_of_another_name_cannot_be_taken_for_a_cell() -> None:
    assert [job.id for job in plan("{a: [1]}", "w.a: {run: x}\n").jobs] == ["w[a=1]", "w.a"]


LIKE = """workflows:
  a: {run: x, matrix: {n: [1, 2]}}
  b: {run: x, matrix: {like: c}}
  c: {run: "x ${{ matrix.n }}", matrix: {like: a}, needs: {workflow: a, matrix: {n: "${{ matrix.n }}"}}}
  d: {run: x}
"""


def test_a_matrix_like_another_has_its_cells_also_through_others() -> None:
    jobs = good_plan(LIKE).jobs
    assert [job.id for job in jobs] == ["a[n=1]", "a[n=2]", "b[n=1]", "b[n=2]", "c[n=1]", "c[n=2]", "d"]
    assert [job.needs for job in jobs][4:6] == [(0,), (1,)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{like: a}", "{like: d}", "PX242 `d`, which the matrix of `c` is like, has no matrix"),
        ("{like: a}", "{like: aa}", "PX242 unknown workflow `aa` in `matrix.like` of `c`"),
        ("{like: a}", "{like: c}", "PX242 circular `like`: `c` -> `c`"),
        ("{like: a}", "{like: b}", "PX242 circular `like`: `b` -> `c` -> `b`"),
        ("{n: [1, 2]}", "{n: [1, 1]}", "PX210 duplicate value `1` in `n`"),
    ],
)
def test_what_a_matrix_cannot_be_like_is_told_once_for_each(old: str, new: str, said: str) -> None:
    found = planned(LIKE.replace(old, new)).diagnostics
    assert f"{found[0].code} {found[0].message}" == said
    assert len([one for one in found if one.code == "PX242"]) == ("circular `like`: `b`" in said) + ("PX242" in said)


def test_like_is_alone_with_what_does_not_make_cells() -> None:
    with pytest.raises(InvalidDataError) as raised:
        Matrix.parse({"like": "a", "n": [1]})
    assert str(raised.value.errors[0][1]) == "`like` and `n` cannot be together"
    assert Matrix.parse({"like": "a", "max_parallel": 2, "fail_fast": True}).like == "a"


def test_an_empty_matrix_leaves_out_those_that_are_like_it() -> None:
    text = """workflows:
  w: {run: x, matrix: {f: {glob: x, allow_empty: true}}}
  v: {run: "x ${{ matrix.f }}", matrix: {like: w}, needs: {workflow: w, matrix: {f: "${{ matrix.f }}"}}}
  u: {run: x, needs: v}
"""
    listings = {("w", "f"): (ListingRequest("glob", "x"), Listing())}
    made = good_plan(text, listings=listings)
    assert [job.id for job in made.jobs] == ["u"]
    assert made.left_out == (("w", "no file matches `x`"), ("v", "no file matches `x`"))


def test_max_parallel_is_a_pool_of_the_matrix_that_no_other_job_takes_from() -> None:
    made = good_plan(
        """
        policy: {pools: {gpu: 1}}
        workflows:
          w: {run: x, matrix: {n: [1, 2], max_parallel: 3}, pools: {gpu: 1}}
          v: {run: x, matrix: {like: w}}
        """
    )
    assert made.policy.pools == {"gpu": 1, "w[*]": 3}
    assert [job.pools for job in made.jobs] == [(("gpu", 1), ("w[*]", 1))] * 2 + [()] * 2
    assert "takes 1 of gpu; at most 3 of its matrix at once\n" in plan_text(made)
    assert "  pools              gpu 1\n" in plan_text(made, verbose=True)
