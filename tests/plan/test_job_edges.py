"""Which jobs need which, where workflows have matrices."""

from __future__ import annotations

import textwrap

import pytest
from support.planning import good_plan, picture, planned

from orchestrator.plan import job_edges
from orchestrator.plan.inputs import PlanningEnvironment, Selection
from orchestrator.plan.model import Plan


def needs(plan: Plan) -> dict[str, list[str]]:
    return {job.id: [plan.jobs[need].id for need in job.needs] for job in plan.jobs}


def after(plan: Plan) -> dict[str, list[str]]:
    return {job.id: [plan.jobs[other].id for other in job.after] for job in plan.jobs if job.after}


def told(text: str) -> str:
    return "\n".join(picture(diagnostic) for diagnostic in planned(text).diagnostics)


TEST = "workflows:\n  test: {run: x, matrix: {os: [linux, mac], py: ['3.1', 3.2], include: [{os: mac, extra: e}]}}\n"


def test_a_name_means_all_jobs_of_a_workflow() -> None:
    plan = good_plan(TEST + "  pack: {run: x, needs: test}\n  sign: {run: x, matrix: {k: [a, b]}, needs: [pack]}\n")
    cells = ["test[os=linux,py=3.1]", "test[os=linux,py=3.2]", "test[os=mac,py=3.1]", "test[os=mac,py=3.2]"]
    assert needs(plan) == {**{cell: [] for cell in cells}, "pack": cells, "sign[k=a]": ["pack"], "sign[k=b]": ["pack"]}
    assert plan.levels == ((0, 1, 2, 3), (4,), (5, 6))


def test_an_entry_chooses_the_jobs_that_have_all_its_values() -> None:
    plan = good_plan(
        TEST
        + "  a: {run: x, needs: {workflow: test, matrix: {os: linux, py: 3.1}}}\n"
        + "  b: {run: x, needs: [{workflow: test, matrix: {py: '3.2'}}, {workflow: test, matrix: {os: mac}}]}\n"
        + "  c: {run: x, needs: {workflow: test}}\n"
        + "  d: {run: x, needs: [{workflow: test, matrix: {extra: e}}]}\n"
    )
    chosen = needs(plan)
    assert chosen["a"] == ["test[os=linux,py=3.1]"]
    assert chosen["b"] == ["test[os=linux,py=3.2]", "test[os=mac,py=3.1]", "test[os=mac,py=3.2]"]
    assert len(chosen["c"]) == 4
    assert chosen["d"] == ["test[os=mac,py=3.1]", "test[os=mac,py=3.2]"]


def test_cells_pair_up_by_a_template() -> None:
    text = """
        params: {which: {default: '3.1'}}
        workflows:
          make: {run: x, matrix: {region: [north, south]}}
          load:
            run: x
            matrix: {region: [south, north]}
            needs: [{workflow: make, matrix: {region: "${{ matrix.region }}"}}]
          check:
            run: x
            matrix: {py: ['3.1', '3.2']}
          use:
            run: x
            after: {workflow: check, matrix: {py: "${{ params.which }}"}}
    """
    plan = good_plan(text)
    assert needs(plan)["load[region=south]"] == ["make[region=south]"]
    assert needs(plan)["load[region=north]"] == ["make[region=north]"]
    assert after(plan) == {"use": ["check[py=3.1]"]}
    assert plan.levels[0] == (0, 1, 4, 5)
    other = good_plan(text, environment=PlanningEnvironment(cli_params={"which": "3.2"}))
    assert after(other) == {"use": ["check[py=3.2]"]}


def test_a_value_that_is_not_known_yet_means_all_jobs() -> None:
    text = """
        params: {which: {}}
        workflows:
          check: {run: x, matrix: {py: [a, b]}}
          use: {run: x, needs: {workflow: check, matrix: {py: "${{ params.which }}"}}}
    """
    assert needs(good_plan(text))["use"] == ["check[py=a]", "check[py=b]"]


def test_a_workflow_may_need_some_jobs_of_another_and_come_after_the_rest() -> None:
    plan = good_plan(TEST + "  a: {run: x, needs: {workflow: test, matrix: {os: mac}}, after: test}\n")
    assert needs(plan)["a"] == ["test[os=mac,py=3.1]", "test[os=mac,py=3.2]"]
    assert after(plan)["a"] == ["test[os=linux,py=3.1]", "test[os=linux,py=3.2]"]


def test_who_also_needs_the_whole_workflow_needs_all_its_jobs() -> None:
    plan = good_plan(TEST + "  a: {run: x, needs: [{workflow: test, matrix: {os: mac}}, test]}\n")
    assert len(needs(plan)["a"]) == 4


def test_choices_of_nothing_are_reported() -> None:
    assert told(
        TEST
        + "  plain: {run: x}\n"
        + "  a: {run: x, needs: {workflow: test, matrix: {os: windows, py: 3.1}}}\n"
        + "  b: {run: x, needs: [plain, {workflow: test, matrix: {so: mac}}]}\n"
        + "  c: {run: x, needs: [{workflow: plain, matrix: {os: mac}}]}\n"
        + "  d: {run: x, matrix: {os: [mac, bsd, sun]}, needs: [{workflow: test, matrix: {os: '${{ matrix.os }}'}}]}\n"
    ) == textwrap.dedent(
        """
        error[PX211]: no job of `test` has os=windows, py=3.1
          at 5:47+22
          = values of `os` in its matrix: `linux`, `mac`; values of `py` in its matrix: `3.1`, `3.2`
        error[PX212]: the matrix of `test` has no `so`
          at 6:56+2
          = did you mean `os`?
        error[PX211]: `plain` has no matrix to choose from
          at 7:49+9
          = name the workflow alone
        error[PX211]: no job of `test` has os=bsd for `d[os=bsd]`
          at 8:79+24
          = values of `os` in its matrix: `linux`, `mac`
        """
    ).strip("\n")


def test_a_mistake_elsewhere_does_not_hide_a_choice_of_nothing() -> None:
    assert told(
        TEST
        + "  a: {run: x, needs: {workflow: test, matrix: {os: bsd}}}\n"
        + "  b: {run: x, if: {params.gone: 1}}\n"
        + "  c: {run: 'x ${{ matrix.none }}', needs: [a]}\n"
    ) == textwrap.dedent(
        """
        error[PX211]: no job of `test` has os=bsd
          at 4:47+9
          = values of `os` in its matrix: `linux`, `mac`
        error[PX212]: `params.gone` in `if` of workflow `b` refers to an unknown parameter
          at 5:20+11
          = declare it: `params: {gone: {default: ...}}`
        error[PX212]: `${{ matrix.none }}` in `run` of workflow `c` refers to a matrix, but `c` has none
          at 6:15+18
        """
    ).strip("\n")


def test_invalid_templates_in_choices_are_reported() -> None:
    found = planned(
        TEST
        + "  a: {run: x, needs: {workflow: test, matrix: {os: '${{ matrix.o }}', py: '${{ job.id }}', extra: '${{'}}}\n"
    ).diagnostics
    assert [f"{one.code} {one.message}" for one in found] == [
        "PX212 `${{ matrix.o }}` in `needs.matrix.os` of workflow `a` refers to a matrix, but `a` has none",
        "PX214 `${{ job.id }}` in `needs.matrix.py` of workflow `a` is not allowed here",
        "PX213 `${{` in `needs.matrix.extra` of workflow `a` is never closed",
    ]


def test_a_choice_is_checked_against_all_cells_also_those_that_are_left_out() -> None:
    text = """
        workflows:
          test: {run: x, matrix: {os: [linux, mac]}, if: {matrix.os: linux}, needs: first}
          first: {run: x}
          a: {run: x, needs: {workflow: test, matrix: {os: mac}}}
    """
    assert needs(good_plan(text)) == {"test[os=linux]": ["first"], "first": [], "a": ["first"]}


def test_workflows_cannot_choose_among_their_own_jobs_or_go_round_in_cells() -> None:
    assert [
        found.code
        for found in planned(
            """
            workflows:
              a: {run: x, matrix: {n: [1, 2]}, needs: {workflow: a, matrix: {n: 1}}}
              b: {run: x, matrix: {n: [1, 2]}, needs: {workflow: c, matrix: {n: 1}}}
              c: {run: x, matrix: {n: [1, 2]}, needs: {workflow: b, matrix: {n: 2}}}
            """
        ).diagnostics
    ] == ["PX207", "PX201"]


def test_a_choice_of_the_same_twice_is_a_warning() -> None:
    found = planned(
        TEST + "  a: {run: x, needs: [{workflow: test, matrix: {os: mac}}, {workflow: test, matrix: {os: mac}}]}\n"
    )
    assert [one.code for one in found.diagnostics] == ["PX208"]


def test_a_job_of_a_matrix_is_selected_by_its_id_and_all_by_the_name() -> None:
    text = TEST + "  pack: {run: x, needs: test}\n"
    assert list(needs(good_plan(text, selection=Selection(("test[os=mac,py=3.2]",))))) == ["test[os=mac,py=3.2]"]
    assert len(needs(good_plan(text, selection=Selection(("test",))))) == 4
    plan = good_plan(text, selection=Selection(skip=("test[os=mac,py=3.2]",)))
    assert needs(plan)["pack"] == ["test[os=linux,py=3.1]", "test[os=linux,py=3.2]", "test[os=mac,py=3.1]"]
    assert plan.left_out == (("test[os=mac,py=3.2]", "`--skip test[os=mac,py=3.2]`"),)


MANY = "[" + ", ".join(map(str, range(100))) + "]"


@pytest.mark.cost
def test_ten_thousand_pairs_are_found_quickly() -> None:
    plan = good_plan(
        f"""
        workflows:
          a: {{run: x, matrix: {{m: &m {MANY}, n: *m}}}}
          b:
            run: x
            matrix: {{m: *m, n: *m}}
            needs: {{workflow: a, matrix: {{m: "${{{{ matrix.m }}}}", n: "${{{{ matrix.n }}}}"}}}}
        """
    )
    assert len(plan.jobs) == 20_000
    assert all(len(job.needs) == 1 for job in plan.jobs[10_000:])


def test_far_too_many_edges_are_reported() -> None:
    text = f"workflows:\n  a: {{run: x, matrix: {{m: &m {MANY}, n: *m}}}}\n"
    text += "  b: {run: x, matrix: {m: *m, n: *m}, needs: a}"
    assert told(text) == textwrap.dedent(
        """
        error[PX230]: the jobs have more than 2,000,000 edges
          at 4:46+1
          4:46+1: the last of them
          = put a group between the two: have the group need one matrix, and the other matrix need the group
        """
    ).strip("\n")
    assert len(good_plan(text.replace("needs: a}", "needs: all}") + "\n  all: {needs: a}\n").jobs) == 20_001


def test_far_too_many_comparisons_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_edges, "MAX_COMPARISONS", 100)
    text = f"workflows:\n  a: {{run: x, matrix: {{m: {MANY}, n: [1, 2]}}}}\n"
    text += '  b: {run: x, matrix: {m: [1, 2]}, needs: {workflow: a, matrix: {n: "${{ matrix.m }}"}}}\n'
    assert [found.code for found in planned(text).diagnostics] == ["PX230"]


def test_two_choices_from_one_matrix_each_mean_their_jobs() -> None:
    plan = good_plan(
        """
        workflows:
          a: {run: a, matrix: {n: [1, 2]}}
          b: {run: b, needs: [{workflow: a, matrix: {n: 1}}]}
          c: {run: c, needs: [{workflow: a, matrix: {n: 2}}]}
          d: {run: d, needs: [{workflow: a, matrix: {n: 2}}]}
        """
    )
    assert [job.needs for job in plan.jobs] == [(), (), (0,), (1,), (1,)]
