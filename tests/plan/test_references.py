"""What is wrong with templates, each with its exact place; every test compares all that is told."""

from __future__ import annotations

import textwrap

import pytest
from support.planning import file_facts, picture, planned

from orchestrator.plan.template import MAX_ERRORS


def told(text: str) -> str:
    return "\n".join(picture(diagnostic) for diagnostic in planned(text).diagnostics)


def dedented(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_unknown_names_are_reported_where_they_are() -> None:
    assert told(
        """
        params: {release: {default: x}}
        secrets: {TOKEN: {env: TOKEN}}
        workflows:
          a:
            run: echo ${{ params.relase }} ${{ matrix.os }}
            env: {A: "x ${{ params.TOKEN }}", B: '${{ params.zebra }}'}
          b:
            matrix: {py: [x]}
            run: echo ${{ matrix.pi }}
        """
    ) == dedented(
        """
        error[PX212]: `${{ params.relase }}` in `run` of workflow `a` refers to an unknown parameter
          at 6:15+20
          = did you mean `release`?
        error[PX212]: `${{ matrix.os }}` in `run` of workflow `a` refers to a matrix, but `a` has none
          at 6:36+16
        error[PX216]: `${{ params.TOKEN }}` in `env.A` of workflow `a` is a secret
          at 7:17+19
          = name it under `secrets` of the workflow, and use `"$TOKEN"`
        error[PX212]: `${{ params.zebra }}` in `env.B` of workflow `a` refers to an unknown parameter
          at 7:43+19
          = declare it: `params: {zebra: {default: ...}}`
        error[PX212]: `${{ matrix.pi }}` in `run` of workflow `b` refers to an unknown key of the matrix of `b`
          at 10:15+16
          = did you mean `py`?
        """
    )


def test_a_place_is_exact_also_in_a_block_of_text_and_else_the_whole_value() -> None:
    assert told(
        """
        params: {}
        workflows:
          block:
            run: |
              echo $${{ no }}
                ${{ params.x }} ${{ params.y }}
          folded:
            run: >-
              echo
              ${{ params.x }}
          escaped:
            run: "\\x24{{ params.x }} ${{ params.x }}"
          alias:
            argv: [&one "${{ params.x }}", *one]
        """
    ) == dedented(
        """
        error[PX212]: `${{ params.x }}` in `run` of workflow `block` refers to an unknown parameter
          at 7:9+15
          = declare it: `params: {x: {default: ...}}`
        error[PX212]: `${{ params.y }}` in `run` of workflow `block` refers to an unknown parameter
          at 7:25+15
          = declare it: `params: {y: {default: ...}}`
        error[PX212]: `${{ params.x }}` in `run` of workflow `folded` refers to an unknown parameter
          at 11:7+15
          = declare it: `params: {x: {default: ...}}`
        error[PX212]: `${{ params.x }}` in `run` of workflow `escaped` refers to an unknown parameter
          at 13:10+36
          = declare it: `params: {x: {default: ...}}`
        error[PX212]: `${{ params.x }}` in `run` of workflow `escaped` refers to an unknown parameter
          at 13:10+36
          = declare it: `params: {x: {default: ...}}`
        error[PX212]: `${{ params.x }}` in item 1 of `argv` of workflow `alias` refers to an unknown parameter
          at 15:18+15
          = declare it: `params: {x: {default: ...}}`
        error[PX212]: `${{ params.x }}` in item 2 of `argv` of workflow `alias` refers to an unknown parameter
          at 15:36+4
          = declare it: `params: {x: {default: ...}}`
        """
    )


@pytest.mark.parametrize(
    ("template", "said", "advice"),
    [
        ("${{ params.x", "PX213 `${{` # is never closed", "write `}}`; or `$${{` for a literal `${{`"),
        (
            "${{ }}",
            "PX213 `${{ }}` # is empty",
            "write `${{ params.NAME }}` or `${{ matrix.NAME }}`; expressions are not supported",
        ),
        (
            "${{ params.x || 'y' }}",
            "PX213 `${{ params.x || 'y' }}` # is not a known template",
            "write `${{ params.NAME }}` or `${{ matrix.NAME }}`; expressions are not supported",
        ),
        (
            "${{ github.sha }}",
            "PX213 `${{ github.sha }}` # is not a known template",
            "known: `params.NAME`, `matrix.NAME`, `needs.NAME.outputs.NAME`, `args`, `run.id`, `run.dir`, `job.id`",
        ),
        (
            "${{ run.name }}",
            "PX213 `${{ run.name }}` # is not a known template",
            "known: `params.NAME`, `matrix.NAME`, `needs.NAME.outputs.NAME`, `args`, `run.id`, `run.dir`, `job.id`",
        ),
        (
            "${{ params.p | upper }}",
            "PX213 `${{ params.p | upper }}` # has an unknown filter `| upper`",
            "the filters are `| stem`, `| name`, `| dir`, `| ext`, `| json` and `| raw`",
        ),
        (
            "${{ env.HOME }}",
            "PX213 `${{ env.HOME }}` # is not a known template",
            'use `"$HOME"`, which the shell expands',
        ),
        (
            "${{ secrets.TOKEN }}",
            "PX216 `${{ secrets.TOKEN }}` # would put a secret into the text",
            'declare it under `secrets` of the workflow, and use `"$TOKEN"`',
        ),
    ],
)
def test_an_invalid_template_is_reported(template: str, said: str, advice: str) -> None:
    (found,) = planned(f"params: {{p: {{default: x}}}}\nworkflows:\n  w:\n    run: a {template}\n").diagnostics
    assert f"{found.code} {found.message}" == said.replace("#", "in `run` of workflow `w`")
    assert found.help == advice
    assert found.span is not None
    assert (found.span.line, found.span.column) == (5, 12)


@pytest.mark.parametrize(
    ("run", "where"),
    [
        ("echo '${{ params.p }}'", "single quotes"),
        ('echo "${{ params.p }}"', "double quotes"),
        ("echo $'${{ params.p }}'", "`$'...'` quotes"),
        ("echo `id ${{ params.p }}`", "backquotes"),
        ("echo \\${{ params.p }}", "an escape: a backslash precedes it"),
        ("cat <<X\n${{ params.p }}\nX", "a here-document"),
    ],
)
def test_a_template_inside_of_quotes_is_reported_and_a_raw_one_is_not(run: str, where: str) -> None:
    def codes(run: str) -> list[str]:
        text = f"params: {{p: {{default: x}}}}\nworkflows:\n  w:\n    run: |\n{textwrap.indent(run, ' ' * 6)}\n"
        return [f"{found.code} {found.message}" for found in planned(text).diagnostics]

    assert codes(run) == [f"PX215 `${{{{ params.p }}}}` in `run` of workflow `w` is inside {where}"]
    assert codes(run.replace(" }}", " | raw }}")) == []


def test_the_help_for_quotes_says_what_to_do() -> None:
    (found,) = planned(
        """
        params: {p: {default: x}}
        workflows: {w: {run: 'echo "${{ params.p }}"'}}
        """
    ).diagnostics
    assert found.help == (
        "remove the quotes, since the value is quoted already; or pass it in `env` and use the variable; "
        "`| raw` inserts it unquoted"
    )


def test_a_shell_for_which_nothing_can_be_quoted_is_reported() -> None:
    assert told(
        """
        params: {p: {default: x}}
        workflows:
          w: {run: "print('${{ params.p }}')", shell: [python3, -c]}
        """
    ) == dedented(
        """
        error[PX214]: `${{ params.p }}` in `run` of workflow `w` cannot be quoted for `python3`
          at 4:20+15
          = write `| raw` to insert it unquoted, or pass it in `env`
        """
    )


def test_texts_that_hold_no_templates_are_reported() -> None:
    found = planned(
        """
        params: {p: {default: x}}
        defaults: {shell: [bash, "${{ params.p }}"]}
        workflows:
          a: {file: "ci/${{ params.p }}.sh"}
          b: {run: b, shell: ["${{ params.p }}"]}
          c: {run: c, cleanup: "rm ${{ params.p }}"}
        """
    ).diagnostics
    assert [f"{one.code} {one.message}" for one in found] == [
        "PX214 `${{` in item 2 of `defaults.shell` is not allowed here",
        "PX214 `${{` in `file` of workflow `a` is not allowed here",
        "PX214 `${{` in item 1 of `shell` of workflow `b` is not allowed here",
        "PX214 `${{` in `cleanup` of workflow `c` is not allowed here",
    ]
    assert {one.help for one in found} == {
        "templates are allowed in `run`, `argv`, `args`, `env`, `working_dir`, `writes`, `inputs` and `outputs`"
    }


def test_an_error_in_the_defaults_is_reported_once() -> None:
    assert told(
        """
        defaults: {env: {A: "${{ matrix.os }}", B: "${{ params.x }}"}, working_dir: "${{ }}"}
        workflows:
          a: {run: a}
          b: {run: b, matrix: {os: [x]}}
          c: {run: c, env: {A: x, B: x}, working_dir: x}
        """
    ) == dedented(
        """
        error[PX212]: `${{ matrix.os }}` in `defaults.env.A` refers to a matrix, but `a` has none
          at 2:22+16
        error[PX212]: `${{ params.x }}` in `defaults.env.B` refers to an unknown parameter
          at 2:45+15
          = declare it: `params: {x: {default: ...}}`
        error[PX213]: `${{ }}` in `defaults.working_dir` is empty
          at 2:78+6
          = write `${{ params.NAME }}` or `${{ matrix.NAME }}`; expressions are not supported
        """
    )


def test_of_a_matrix_with_errors_no_missing_values_are_reported() -> None:
    codes = [
        found.code
        for found in planned("workflows: {w: {run: 'echo ${{ matrix.a }}', matrix: {a: [x, x]}}}").diagnostics
    ]
    assert codes == ["PX210"]


@pytest.mark.parametrize(
    "text",
    [
        "argv: [x, '${{ params.x }}']",
        "file: '${{ params.x }}'",
        "file: a.sh, args: ['${{ params.x }}']",
        "run: x, shell: [sh, '${{ params.x }}']",
        "run: x, env: {A: '${{ params.x }}'}",
        "run: x, working_dir: '${{ params.x }}'",
        "run: x, isolation: sandbox, writes: ['${{ params.x }}']",
        "run: x, cleanup: '${{ params.x }}'",
        "run: x, needs: {workflow: b, matrix: {m: '${{ params.x }}'}}",
        "run: x, after: {workflow: b, matrix: {m: '${{ params.x }}'}}",
    ],
)
def test_a_workflow_is_looked_at_that_has_a_template_in_one_place_alone(text: str) -> None:
    found = planned(
        f"workflows:\n  a: {{{text}}}\n  b: {{run: x, matrix: {{m: [1]}}}}\n", files={"a.sh": file_facts()}
    ).diagnostics
    assert [diagnostic.code for diagnostic in found] in (["PX212"], ["PX214"])


@pytest.mark.parametrize(
    "text", ["env: {A: '${{ params.x }}'}", "writes: ['${{ params.x }}']", "shell: ['${{ params.x }}']"]
)
def test_workflows_are_looked_at_whose_defaults_have_templates(text: str) -> None:
    found = planned(f"defaults: {{isolation: sandbox, {text}}}\nworkflows: {{a: {{run: x}}}}\n").diagnostics
    assert [diagnostic.code for diagnostic in found] in (["PX212"], ["PX214"])


def test_of_one_text_a_limited_number_of_unknown_references_is_reported() -> None:
    text = " ".join(f"${{{{ params.p{number} }}}}" for number in range(MAX_ERRORS + 5))
    assert len(planned(f"workflows: {{a: {{run: '{text}'}}}}").diagnostics) == MAX_ERRORS
