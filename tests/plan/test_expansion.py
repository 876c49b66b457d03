"""The cells that the output of a job makes, and why there are none."""

from __future__ import annotations

import json

import pytest
from support.planning import good_plan, picture, planned

from orchestrator.plan import expansion as rules
from orchestrator.plan.cells import Cell
from orchestrator.plan.expansion import expansion
from orchestrator.plan.grown_plan import Grown, cell_jobs, cell_texts, grown
from orchestrator.plan.inputs import Selection
from orchestrator.plan.model import Plan
from orchestrator.plan.render import plan_text
from orchestrator.plan.slugs import slugs_of

TEXT = """workflows:
  plan: {run: x, outputs: {list: {type: json}}}
  test:
    needs: plan
    matrix: {s: {from: needs.plan.outputs.list}, n: [1, 2], exclude: [{s: b, n: 2}], include: [{s: a, more: x}]}
    run: echo ${{ matrix.s | json }} ${{ matrix.n }} ${{ job.id }} ${{ run.id }}
  pack: {needs: {workflow: test, matrix: {s: "${{ matrix.s }}", n: 1}}, matrix: {like: test}, run: "x ${{ matrix.s }}"}
"""


def made(value: object, text: str = TEXT, selection: Selection | None = None) -> list[str] | str:
    plan: Plan = good_plan(text, selection=selection)
    placeholder = next(job for job in plan.jobs if job.workflow == "test")
    found = expansion(placeholder, lambda workflow, output: None if value is None else json.dumps(value))
    return found.problem or [cell.label for cell in found.cells]


def test_cells_are_made_as_those_of_a_written_matrix() -> None:
    assert made(["a", "b", True]) == ["s=a,n=1", "s=a,n=2", "s=b,n=1", "s=true,n=1", "s=true,n=2"]
    assert made([], TEXT.replace(", include: [{s: a, more: x}]", "")) == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "has no value"),
        ({}, "is not a JSON array"),
        (list(range(10_001)), "has 10,001 values: a matrix has at most 10,000 cells"),
        ([{}], "item 1 of `needs.plan.outputs.list` has no keys"),
        ([{"a b": 1}], "`a b` is not a name for `matrix`"),
        ([{"a": 1}, {"b": 1}], "has other keys than item 1"),
        ([{"a": "x\n"}], "has a control character or a line end"),
        ([{"a": 1}, {"a": 1}], "has an item twice"),
        ([{"a": 1}], "it uses `matrix.s`, which not every cell of its matrix has"),
        ([[1]], "is nested"),
        ([None], "is null"),
        ([1, {}], "item 2 of `needs.plan.outputs.list` is an object"),
        (["a", "a"], "`a` is a duplicate"),
        (list(range(6_000)), "its matrix would have 12,000 cells: at most 10,000 are allowed"),
    ],
)
def test_a_value_without_cells_is_told(value: object, problem: str) -> None:
    assert problem in made(value)


def test_far_too_many_comparisons_and_duplicates_of_include_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = TEXT.replace("{s: a, more: x}", "{s: q, n: 7}, {s: q, n: 7}")
    assert made(["a"], twice) == "duplicate job `test[s=q,n=7]` in the matrix"
    monkeypatch.setattr(rules, "MAX_COMPARISONS", 1)
    assert "too many entries" in made(["a"])


def test_only_selected_cells_are_made_and_one_that_does_not_come_is_told() -> None:
    assert made(["a", "c"], selection=Selection(only=("test[s=c,n=2]",))) == ["s=c,n=2"]
    wrong = made(["a"], selection=Selection(jobs=("test[s=z,n=1]",)))
    assert wrong == "its matrix has no `test[s=z,n=1]`, which was selected"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("{type: json}", "{type: text}", "PX243"),
        ("outputs.list}, n", "outputs.lists}, n", "PX234"),
        ("{run: x, outputs", "{run: x, matrix: {q: [1]}, outputs", "PX243"),
        ("    needs: plan\n", "    needs: plan\n    if: {matrix.s: a}\n", "PX244"),
        ("n: [1, 2]", "n: [1, 1]", "PX210"),
        ('s: "${{ matrix.s }}"', 's: "x-${{ matrix.s }}"', "PX244"),
        ("matrix.n }}", "matrix.m }}", "PX212"),
    ],
)
def test_what_cannot_be_known_or_used_is_reported(old: str, new: str, code: str) -> None:
    found = planned(TEXT.replace(old, new)).diagnostics
    assert code in {one.code for one in found}, "\n".join(map(picture, found))


FILES = TEXT.replace("${{ run.id }}", "").replace(
    "    needs: plan\n",
    """    needs: plan
    inputs: ['in/${{ matrix.s }}', {command: ['echo ${{ matrix.s }}']}]
    outputs: ['!x', 'out/${{ matrix.s }}-${{ matrix.n }}']
""",
)


def problem_of_files(values: object, text: str = FILES) -> str:
    plan = good_plan(text.replace(", include: [{s: a, more: x}]", ""))
    placeholder = next(job for job in plan.jobs if job.workflow == "test")
    found = expansion(placeholder, lambda *_: json.dumps(values))
    assert not found.problem
    return rules.with_possible_files(found, placeholder, lambda: plan.jobs).problem


def test_the_paths_of_a_cell_are_filled_in_and_its_other_texts_are_not() -> None:
    plan = good_plan(FILES)
    (job,) = cell_jobs(plan.jobs[1], [Cell({"s": "a b", "n": 1}, "s=a b,n=1")], 3)
    assert job.spec.inputs is not None
    assert [one.path for one in job.spec.inputs] == ["in/a b", ""]
    assert "matrix.s" in job.spec.inputs[1].command[0]
    assert [output.paths for output in job.spec.output_files] == [("!x",), ("out/a b-1",)]
    assert "matrix.s" in (job.spec.run or "")
    only_outputs = good_plan(TEXT.replace("    needs: plan\n", "    needs: plan\n    outputs: ['${{ matrix.s }}']\n"))
    (job,) = cell_jobs(only_outputs.jobs[1], [Cell({"s": "a b", "n": 1}, "s=a b,n=1")], 3)
    assert (job.spec.inputs, job.spec.output_files[0].paths) == (None, ("a b",))
    placeholder = good_plan(TEXT).jobs[1]
    (plain,) = cell_jobs(placeholder, [Cell({"s": "a", "n": 1}, "s=a,n=1")], 3)
    assert plain.spec is placeholder.spec


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("/etc", "`/etc` cannot be part of a path in its `inputs`"),
        ("x/../../y", "`x/../../y` cannot be part of a path in its `inputs`"),
        ("!a", "`!a` cannot be part of a path in its `inputs`"),
        ("${{ matrix.n }}", "`${{ matrix.n }}` cannot be part of a path in its `inputs`"),
        ("a[b]", "`a[b]` cannot be part of a path in its `outputs`"),
        ("a", ""),
    ],
)
def test_a_value_is_a_name_in_a_path(value: str, problem: str) -> None:
    assert problem_of_files([value]) == problem


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ("['out/${{ matrix.n }}']", "the output `out/1` of `test[s=b,n=1]` is an output of `test[s=a,n=1]`"),
        ("['${{ matrix.s }}/.git']", "the output `a/.git` of `test[s=a,n=1]` is in `.git`"),
        ("['in/${{ matrix.s }}']", "the output `in/a` of `test[s=a,n=1]` is also an input of it"),
        ("['o/${{ matrix.s }}/${{ matrix.n }}/*.x']", ""),
        ("[o]", "the output `o` of `test[s=a,n=2]` is an output of `test[s=a,n=1]`"),
        (
            "['p/${{ matrix.s }}${{ matrix.n }}']",
            "the output `p/a1` of `test[s=a,n=1]` is in `p`, an output of `more`",
        ),
    ],
)  # fmt: skip
def test_two_jobs_have_no_output_in_common(outputs: str, problem: str) -> None:
    text = FILES.replace("['!x', 'out/${{ matrix.s }}-${{ matrix.n }}']", outputs)
    assert problem_of_files(["a", "b"], text + "  more: {run: x, outputs: [p]}\n") == problem


def test_an_output_around_that_of_another_job_is_told() -> None:
    text = FILES.replace("['!x', 'out/${{ matrix.s }}-${{ matrix.n }}']", "['${{ matrix.s }}/${{ matrix.n }}']")
    problem = problem_of_files(["a"], text + "  more: {run: x, outputs: [a/1/file]}\n")
    assert problem == "the output `a/1/file` of `more` is in `a/1`, an output of `test[s=a,n=1]`"


def test_readers_see_the_values_of_cells_in_their_texts() -> None:
    plan = good_plan(TEXT.replace(", include: [{s: a, more: x}]", ""))
    growths = [Grown(name, (Cell({"s": "a b", "n": 1}, "s=a b,n=1"),)) for name in ("test", "pack")]
    seen = grown(plan, growths)
    assert [job.spec.run for job in seen.jobs][:1] == ["x"]
    assert seen.jobs[1].spec.run == "echo '\"a b\"' 1 'test[s=a b,n=1]' ${{ run.id }}"
    assert cell_texts(seen.jobs[2]) == {}
    assert [job.needs for job in seen.jobs] == [(), (0,), (1,)]
    assert slugs_of(seen)[0] == "plan"
    assert slugs_of(seen)[1].startswith("test-s-a-b-n-1-")


def test_one_value_of_several_jobs_that_are_not_known_is_reported() -> None:
    text = """workflows:
  plan: {run: x, outputs: {list: {type: json}}}
  test: {needs: plan, matrix: {s: {from: needs.plan.outputs.list}}, run: x, outputs: {o: {}}}
  one: {needs: test, run: "x ${{ needs.test.outputs.o }}"}
  like: {needs: plan, matrix: {like: test}, run: x}
"""
    assert [one.code for one in planned(text).diagnostics] == ["PX235", "PX243"]


def test_a_choice_is_filled_in_from_parameters() -> None:
    text = (
        TEXT
        + """  one: {needs: {workflow: test, matrix: {s: "${{ params.p }}-x", n: 2}}, run: x}
params: {p: {default: q}}
"""
    )
    choices = next(job.chosen_cells for job in good_plan(text).jobs if job.id == "one")
    assert [dict(choice.values) for choice in choices] == [{"s": "q-x", "n": 2}]


def test_text_that_is_not_json_makes_no_cells() -> None:
    placeholder = next(job for job in good_plan(TEXT).jobs if job.workflow == "test")
    assert expansion(placeholder, lambda *_: "[").problem == "`needs.plan.outputs.list` is not a JSON array"


def test_a_choice_that_is_not_met_stays_in_the_plan_for_readers() -> None:
    text = (
        TEXT.replace(", include: [{s: a, more: x}]", "") + "  one: {needs: {workflow: test, matrix: {s: z}}, run: x}\n"
    )
    seen = grown(good_plan(text), [Grown("test", (Cell({"s": "a", "n": 1}, "s=a,n=1"),))])
    (one,) = (job for job in seen.jobs if job.id == "one")
    assert [dict(choice.values) for choice in one.chosen_cells] == [{"s": "z"}]
    assert [seen.jobs[need].id for need in one.needs] == ["test[s=a,n=1]"]


def test_the_plan_shows_what_its_placeholders_wait_for() -> None:
    shown = plan_text(good_plan(TEXT))
    assert "echo <matrix.s | json> <matrix.n> <job.id>" in shown
    assert "a job for each value of plan.list\n" in shown
    assert "a job for each of test\n" in shown
