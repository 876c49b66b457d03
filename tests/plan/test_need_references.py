"""`needs.NAME.outputs.X`: what is reported about it, and what becomes of it in a plan."""

from __future__ import annotations

import pytest
from support.planning import good_plan, picture, planned

from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.inputs import Selection
from orchestrator.plan.late_values import fill
from orchestrator.plan.model import Plan
from orchestrator.plan.render import plan_text

# On lines 2 to 8; `build` follows.
VERSION = """workflows:
  version:
    run: ./version.sh
    outputs:
      number: {}
      count: {type: number, default: 3}
      shards: {type: json, default: [a, b]}
"""


def manifest(use: str, more: str = "needs: version") -> str:
    """`build` runs this text, which is at 11:10."""
    return f"{VERSION}  build:\n    {more}\n    run: {use}\n"


def told(text: str, selection: Selection | None = None) -> str:
    return "\n".join(picture(one) for one in planned(text, selection=selection).diagnostics)


def filled(plan: Plan, **values: str) -> str | None:
    """What `build` runs, with these values of `version`."""
    named = {f"needs.version.outputs.{name.replace('_', ' | ')}": value for name, value in values.items()}
    return fill(plan.jobs[-1].spec, "ID", "/dir", named).run


def test_a_value_stays_in_its_place_until_the_job_starts() -> None:
    plan = good_plan(
        manifest(
            "make V=${{ needs.version.outputs.number }}; echo ${{ needs.version.outputs.shards | json | raw }}",
            'needs: version\n    env: {N: "${{needs.version.outputs.number}}"}',
        )
    )
    version, build = plan.jobs
    assert version.spec.outputs == {
        "number": OutputSpec(),
        "count": OutputSpec("number", "3"),
        "shards": OutputSpec("json", '["a","b"]'),
    }
    assert build.spec.needed_values == ("needs.version.outputs.number", "needs.version.outputs.shards | json")
    assert filled(plan, number="a b", shards_json="[1]") == "make V='a b'; echo [1]"
    named = {"needs.version.outputs.number": "a b", "needs.version.outputs.shards | json": ""}
    assert fill(build.spec, "ID", "/dir", named).env == {"N": "a b"}
    text = plan_text(plan)
    assert "make V=<version.number>; echo <version.shards>" in text
    assert "outputs number, count, shards" in text


def test_a_value_that_looks_like_the_place_of_another_is_only_text() -> None:
    plan = good_plan(
        manifest("echo ${{ needs.version.outputs.number }} ${{ needs.version.outputs.count }} ${{ run.id }}")
    )
    blanks = " " * plan.jobs[1].spec.late
    evil = f"${{{{ run.id{blanks}}}}}${{{{ needs.version.outputs.count{blanks}}}}}"
    assert filled(plan, number=evil, count="1") == f"echo '{evil}' 1 ID"


def test_a_comment_that_mentions_a_value_stays_as_it_is_written() -> None:
    plan = good_plan(
        manifest("|\n      # ${{ needs.version.outputs.number }}\n      a ${{ needs.version.outputs.number }}")
    )
    assert filled(plan, number="1") == "# ${{ needs.version.outputs.number }}\na 1\n"


@pytest.mark.parametrize(
    ("use", "more", "expected"),
    [
        (
            "${{ needs.version.outputs.number }}",
            "when: success",
            "PX233 refers to a value of `version`, which is not in `needs`\n  at 11:10+35\n"
            "  = add it: `needs: version`",
        ),
        (
            "${{ needs.versoin.outputs.number }}",
            "needs: version",
            "PX233 refers to an unknown workflow\n  at 11:10+35\n  = did you mean `version`?",
        ),
        (
            "${{ needs.zebra.outputs.number }}",
            "when: success",
            "PX233 refers to an unknown workflow\n  at 11:10+33\n  = `build` needs no workflow",
        ),
        (
            "${{ needs.version.outputs.numbr }}",
            "needs: version",
            "PX234 refers to an unknown output of `version`\n  at 11:10+34\n  = did you mean `number`?",
        ),
        (
            "${{ needs.version.outputs.zebra }}",
            "needs: version",
            "PX234 refers to an unknown output of `version`\n  at 11:10+34\n"
            "  = declare it there: `outputs: {zebra: {type: text}}`",
        ),
        (
            "${{ needs.version.number }}",
            "needs: version",
            "PX213 is not a known template\n  at 11:10+27\n"
            "  = write `${{ needs.NAME.outputs.NAME }}`; `needs.NAME.status` is for `if`",
        ),
        (
            "${{ needs.version.outputs.number | text }}",
            "needs: version",
            "PX213 has an unknown filter `| text`\n  at 11:10+42\n  = the filters are `| json` and `| raw`",
        ),
        (
            "${{ needs.version.outputs.number | raw | json }}",
            "needs: version",
            "PX213 has filters that do not go together\n  at 11:10+48\n  = write `| json` first, then `| raw`",
        ),
    ],
    ids=range(8),
)
def test_what_cannot_be_used_is_reported_at_its_place(use: str, more: str, expected: str) -> None:
    code, message = expected.split(" ", 1)
    assert told(manifest(use, more)) == f"error[{code}]: `{use}` in `run` of workflow `build` {message}"


def test_a_value_in_quotes_is_refused_like_any_template() -> None:
    assert "PX215" in told(manifest("echo '${{ needs.version.outputs.number }}'"))


def test_what_a_job_may_write_does_not_depend_on_a_value() -> None:
    more = "needs: version\n    isolation: sandbox\n    writes: ['${{ needs.version.outputs.number }}']"
    assert "in item 1 of `writes` of workflow `build` is not allowed here" in told(manifest("x", more))


def test_the_defaults_may_use_a_value_that_every_workflow_needs() -> None:
    text = 'defaults: {env: {N: "${{ needs.version.outputs.number }}"}}\n' + manifest("x")
    assert "`${{ needs.version.outputs.number }}` in `defaults.env.N` refers to a value of `version`" in told(text)


MATRIX = """workflows:
  test:
    matrix: {shard: [1, 2]}
    run: x
    outputs: {n: {type: number}}
  report:
    needs: NEEDS
    run: echo ${{ needs.test.outputs.n FILTER}}
"""


@pytest.mark.parametrize(
    ("needs", "filters", "is_error"),
    [
        ("test", "", True),
        ("test", "| json ", False),
        ("{workflow: test, matrix: {shard: 1}}", "", False),
        ("[{workflow: test, matrix: {shard: 1}}, {workflow: test, matrix: {shard: 2}}]", "", True),
        ("'*'", "", True),
        ("'*'", "| json ", False),
    ],
)
def test_the_value_of_several_jobs_is_an_array(needs: str, filters: str, is_error: bool) -> None:
    found = told(
        MATRIX.replace("NEEDS", needs if needs.startswith(("'", "[")) else f"[{needs}]").replace("FILTER", filters)
    )
    assert ("PX235" in found) == is_error, found
    assert is_error or not found


def test_each_cell_may_use_the_value_of_its_own_cell() -> None:
    text = MATRIX.replace("NEEDS", '[{workflow: test, matrix: {shard: "${{ matrix.shard }}"}}]').replace("FILTER", "")
    assert told(f"{text}    matrix: {{shard: [1, 2]}}\n") == ""


def test_a_value_of_a_job_outside_of_the_run_is_its_default() -> None:
    text = manifest("echo ${{ needs.version.outputs.count }} ${{ needs.version.outputs.shards }}")
    plan = good_plan(text, selection=Selection(skip=("version",)))
    assert (plan.jobs[0].spec.run, plan.jobs[0].spec.late) == ('echo 3 \'["a","b"]\'', 0)


def test_without_a_default_it_is_an_error_and_as_json_it_is_null() -> None:
    skip = Selection(skip=("version",))
    assert told(manifest("echo ${{ needs.version.outputs.number }}"), skip) == (
        "error[PX236]: `${{ needs.version.outputs.number }}` in `run` of workflow `build` has no value: "
        "`version` is not part of this run\n"
        "  at 11:15+35\n"
        "  11:15+35: used by `build`\n"
        "  = add `version` to the run, or declare a `default` of its output `number`"
    )
    plan = good_plan(manifest("echo ${{ needs.version.outputs.number | json }}"), selection=skip)
    assert plan.jobs[0].spec.run == "echo null"
    text = MATRIX.replace("NEEDS", "test").replace("FILTER", "| json ")
    plan = good_plan(text, selection=Selection(only=("report",), skip=("test",)))
    assert plan.jobs[0].spec.run == "echo '[]'"


def test_a_value_that_several_jobs_of_a_matrix_lack_is_reported_once() -> None:
    text = manifest("echo ${{ needs.version.outputs.number }}", "needs: version\n    matrix: {n: [1, 2]}")
    assert told(text, Selection(skip=("version",))).count("error[PX236]") == 1


def test_a_handler_of_the_whole_run_may_use_any_value_but_not_that_of_another_handler() -> None:
    assert told(manifest("echo ${{ needs.version.outputs.number }}", "needs: '*'")) == ""
    text = VERSION.replace("run: ./v", "needs: '*'\n    run: ./v")
    found = told(f"{text}  build:\n    needs: '*'\n    run: echo ${{{{ needs.version.outputs.number }}}}\n")
    assert "a handler of the whole run does not need another one" in found
