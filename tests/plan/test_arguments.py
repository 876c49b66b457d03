"""The arguments after `--`: which workflow gets them, where they are put, and when they are refused."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import file_facts, good_plan, planned

from orchestrator.errors import ExitCode, UsageError
from orchestrator.plan.inputs import Selection
from orchestrator.plan.late_values import fill
from orchestrator.plan.model import JobSpec
from orchestrator.plan.template import Templates, TemplateScope, put_in

MANIFEST = """
workflows:
  build: {run: make}
  test: {needs: build, run: "pytest ${{ args }} -q", matrix: {python: [a, b]}}
  again: {needs: test, run: "pytest ${{ args }}"}
  program: {argv: [prog, --]}
  middle: {argv: [prog, "${{ args }}", last, "${{ args }}"]}
  script: {file: run.sh, args: [first]}
  comment: {run: "make # ${{ args }}"}
  python: {run: "print('${{ args | raw }}')", shell: [python3, -c]}
  all: {needs: [test]}
"""
FILES = {"run.sh": file_facts()}
ARGS = ("--grep", "it's $(id)", "", "${{ run.dir }}")


def specs(*jobs: str, args: tuple[str, ...] = ARGS, **more: Any) -> dict[str, JobSpec]:
    made = good_plan(MANIFEST, files=FILES, selection=Selection(jobs, args=args, **more))
    return {job.id: job.spec for job in made.jobs}


def test_in_shell_text_each_argument_is_one_word() -> None:
    made = specs("test")
    expected = "pytest --grep 'it'\\''s $(id)' '' '${{ run.dir }}' -q"
    assert [made[job].run for job in ("build", "test[python=a]", "test[python=b]")] == ["make", expected, expected]


def test_without_arguments_nothing_is_put_there() -> None:
    assert specs("again", args=())["again"].run == "pytest "
    assert specs("middle", args=())["middle"].argv == ("prog", "last")
    assert specs("program", args=())["program"].argv == ("prog", "--")


def test_only_the_named_workflow_gets_them() -> None:
    made = specs("again", args=("x",))
    assert (made["again"].run, made["test[python=a]"].run) == ("pytest x", "pytest  -q")


def test_one_job_of_a_matrix_may_be_named() -> None:
    made = specs("test[python=b]", args=("x",))
    assert made["test[python=b]"].run == "pytest x -q"
    assert "test[python=a]" not in made


def test_a_flag_may_name_the_workflow() -> None:
    made = good_plan(MANIFEST, files=FILES, selection=Selection(only=("again",), args=("x",)))
    assert made.jobs[-1].spec.run == "pytest x"


def test_lists_of_words_take_them_where_the_template_is_or_at_the_end() -> None:
    assert specs("program")["program"].argv == ("prog", "--", *ARGS)
    assert specs("middle", args=("a", "b"))["middle"].argv == ("prog", "a", "b", "last", "a", "b")
    assert specs("script")["script"].args == ("first", *ARGS)


def test_raw_arguments_are_put_in_as_they_are() -> None:
    assert specs("python", args=("1", "2 3"))["python"].run == "print('1 2 3')"


def test_what_looks_like_a_late_template_in_an_argument_stays() -> None:
    scope = TemplateScope({}, {}, "a", ("${{ run.dir }}", "${{ run.dir  }}"))
    for spec in (JobSpec(argv=("x", "${{ run.dir }}")), JobSpec(run="x ${{ run.dir }} ${{ args | raw }}")):
        made = fill(put_in(spec, templates=Templates(), scope=scope), "r1", "/runs/r1")
        text = " ".join(made.argv or (made.run or "",))
        assert text == "x /runs/r1 ${{ run.dir }} ${{ run.dir  }}"


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8), max_size=4))
def test_a_shell_gets_the_very_same_words(args: list[str]) -> None:
    scope = TemplateScope({}, {}, "a", tuple(args))
    text = put_in(JobSpec(run="printf '%s\\0' ${{ args }}"), templates=Templates(), scope=scope).run
    assert text is not None
    done = subprocess.run(["sh", "-c", text], stdout=subprocess.PIPE, check=True, timeout=60)
    assert done.stdout.decode("utf-8", "surrogateescape") == "".join(f"{arg}\0" for arg in args or [""])


def test_they_are_part_of_the_digests_of_their_job_alone() -> None:
    def digests(*args: str) -> dict[str, str]:
        made = good_plan(MANIFEST, files=FILES, selection=Selection(("again",), args=args))
        return {job.id: job.digest for job in made.jobs}

    before, after = digests(), digests("x")
    assert {job for job in before if before[job] != after[job]} == {"again"}
    assert digests("a", "b") != digests("a b")


@pytest.mark.parametrize(
    ("selection", "message", "advice"),
    [
        ({}, "the arguments after `--` are for one job, but no job is named",
         "name it: `pexec apply JOB -- ...`. Jobs that take arguments: `test`, `again`, `middle`, `comment`, `python`"),
        ({"jobs": ("test", "again")},
         "the arguments after `--` are for one job, but 2 are named: `test`, `again`",
         "run them one by one, or pass the value as a parameter: `--set NAME=VALUE`"),
        ({"jobs": ("all",)}, "`all` is a group: it has no command that could take the arguments after `--`", ""),
        ({"jobs": ("build",)}, "`build` takes no arguments: its `run` does not contain `${{ args }}`",
         "put it where the arguments after `--` belong, as in `run: pytest ${{ args }}`"),
        ({"jobs": ("comment",)}, "`comment` takes no arguments: its `run` does not contain `${{ args }}`",
         "put it where the arguments after `--` belong, as in `run: pytest ${{ args }}`"),
        ({"jobs": ("tset",)}, "unknown job `tset`", "did you mean `test`?"),
    ],
)  # fmt: skip
def test_arguments_that_would_be_lost_are_wrong_usage(selection: dict[str, Any], message: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        good_plan(MANIFEST, files=FILES, selection=Selection(**selection, args=("x",)))
    assert (caught.value.message, caught.value.help) == (message, advice)
    assert caught.value.exit_code is ExitCode.USAGE


def test_defaults_take_no_arguments() -> None:
    defaults = "defaults: {working_dir: '${{ args }}', env: {A: '${{ args }}'}, writes: ['${{ args }}']}"
    text = f"{defaults}\nworkflows: {{a: {{run: x}}}}"
    assert [one.code for one in planned(text).diagnostics if one.code == "PX214"] == ["PX214"] * 3


def test_a_variable_named_run_is_not_shell_text() -> None:
    made = good_plan("params: {x: {default: a b}}\nworkflows: {a: {run: x, env: {run: '\"${{ params.x }}\"'}}}")
    assert made.jobs[0].spec.env == {"run": '"a b"'}


def errors(workflow: str) -> list[tuple[str, str]]:
    found = planned(f"workflows: {{a: {workflow}}}").diagnostics
    return [(one.code, one.message) for one in found]


@pytest.mark.parametrize(
    ("workflow", "code", "message"),
    [
        ("{run: x, env: {A: '${{ args }}'}}", "PX214", "`${{ args }}` in `env.A` of workflow `a` is not allowed here"),
        ("{run: x, env: {run: '${{ args }}'}}", "PX214",
         "`${{ args }}` in `env.run` of workflow `a` is not allowed here"),
        ("{run: x, working_dir: '${{ args }}'}", "PX214",
         "`${{ args }}` in `working_dir` of workflow `a` is not allowed here"),
        ("{argv: [x, '--a=${{ args }}']}", "PX214",
         "`${{ args }}` in item 2 of `argv` of workflow `a` is not allowed here"),
        ("{run: 'x \"${{ args }}\"'}", "PX215",
         "`${{ args }}` in `run` of workflow `a` is inside double quotes"),
        ("{run: 'x ${{ args | upper }}'}", "PX213",
         "`${{ args | upper }}` in `run` of workflow `a` has an unknown filter `| upper`"),
        ("{run: 'x ${{ args.first }}'}", "PX213",
         "`${{ args.first }}` in `run` of workflow `a` is not a known template"),
        ("{run: 'x ${{ args }}', shell: [python3, -c]}", "PX214",
         "`${{ args }}` in `run` of workflow `a` cannot be quoted for `python3`"),
    ],
)  # fmt: skip
def test_the_template_is_checked_like_any_other(workflow: str, code: str, message: str) -> None:
    assert errors(workflow) == [(code, message)]
