"""Templates: what is put where, how it is quoted, and what only the run knows."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import file_facts, good_plan

from orchestrator.plan.export import plan_from_dict, plan_to_dict
from orchestrator.plan.inputs import PlanningEnvironment
from orchestrator.plan.late_values import OPENING, fill, is_absolute
from orchestrator.plan.model import JobSpec
from orchestrator.plan.template import Templates, TemplateScope, put_in

VALUES = {"plain": "3.11", "odd": "it's $(id) `id`", "empty": "", "opening": "${{ run.dir }}", "dollar": "a$"}
SCOPE = TemplateScope(VALUES, {"os": "linux", "absent": ""}, "test[os=linux]")


def put(text: str, **spec: Any) -> JobSpec:
    return put_in(JobSpec(run=text, **spec), templates=Templates(), scope=SCOPE)


def put_as_word(text: str) -> str:
    argv = put_in(JobSpec(argv=(text,)), templates=Templates(), scope=SCOPE).argv
    assert argv is not None
    return argv[0]


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("a ${{ params.plain }} b", "a 3.11 b", "a 3.11 b"),
        ("${{params.plain}}${{ matrix.os }}", "3.11linux", "3.11linux"),
        ("${{ params.odd }}", "'it'\\''s $(id) `id`'", "it's $(id) `id`"),
        ("${{ params.odd | raw }}", "it's $(id) `id`", "it's $(id) `id`"),
        ("x${{ params.empty }}y", "x''y", "xy"),
        ("${{ matrix.absent }}", "''", ""),
        ("${{ job.id }}", "'test[os=linux]'", "test[os=linux]"),
        ("$${{ params.plain }}", "${{ params.plain }}", "${{ params.plain }}"),
        ("$$${{ x", "$${{ x", "$${{ x"),
        ("${ {params.plain}} {{ }} }}", "${ {params.plain}} {{ }} }}", "${ {params.plain}} {{ }} }}"),
        ("# ${{ params.odd }}\necho ${{ params.plain }}", "# ${{ params.odd }}\necho 3.11", None),
        ("${{ params.opening | raw }}", "${{ run.dir }}", "${{ run.dir }}"),
    ],
)
def test_values_are_put_into_texts(text: str, code: str, word: str | None) -> None:
    assert put(text) == JobSpec(run=code)
    assert word is None or put_as_word(text) == word


def test_templates_stand_in_all_texts_of_a_job_and_in_defaults() -> None:
    plan = good_plan(
        """
        params: {name: {default: a b}}
        defaults:
          env: {WHO: "${{ params.name }}", OS: "${{ matrix.os }}", OTHER: "${{ matrix.os }}"}
          working_dir: build/${{ matrix.os }}
        workflows:
          run:
            matrix: {os: [linux]}
            run: echo ${{ params.name }}
            env: {OTHER: x, JOB: "${{ job.id }}"}
          argv:
            matrix: {os: [mac]}
            argv: [echo, "${{ params.name }}"]
            working_dir: "${{ params.name }}"
          file:
            matrix: {os: [mac]}
            file: x.sh
            args: ["--${{ params.name }}"]
            env: {}
        """,
        files={"x.sh": file_facts()},
    )
    run, argv, file = (job.spec for job in plan.jobs)
    assert run == JobSpec(
        run="echo 'a b'",
        env={"WHO": "a b", "OS": "linux", "OTHER": "x", "JOB": "run[os=linux]"},
        working_dir="build/linux",
    )
    assert (argv.argv, argv.working_dir, argv.env["OTHER"]) == (("echo", "a b"), "a b", "mac")
    assert (file.args, file.env["OS"]) == (("--a b",), "mac")


def test_what_an_include_gave_other_cells_is_empty_text() -> None:
    plan = good_plan(
        """
        workflows:
          w:
            run: 'echo ${{ matrix.extra }}'
            matrix: {os: [linux, mac], include: [{os: mac, extra: yes}]}
        """
    )
    assert [job.spec.run for job in plan.jobs] == ["echo ''", "echo yes"]


def test_in_a_shell_that_is_not_known_only_raw_values_are_put() -> None:
    plan = good_plan(
        """
        params: {x: {default: a'b}}
        workflows: {w: {run: 'print("${{ params.x | raw }}")', shell: [python3, -c]}}
        """
    )
    assert plan.jobs[0].spec.run == """print("a'b")"""


RUN_ID, RUN_DIR = "20260101T000000.000000Z-ab", "/tmp/it's here"


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("${{ run.id }}", RUN_ID, RUN_ID),
        ("${{ run.dir }}/x", "'/tmp/it'\\''s here'/x", "/tmp/it's here/x"),
        ("${{ run.dir | raw }}/x", "/tmp/it's here/x", "/tmp/it's here/x"),
        ("$${{ run.dir }} ${{ run.id }}", "${{ run.dir }} " + RUN_ID, "${{ run.dir }} " + RUN_ID),
        ("${{ params.opening }} ${{ run.id }}", "'${{ run.dir }}' " + RUN_ID, "${{ run.dir }} " + RUN_ID),
        ("${{ params.dollar | raw }}${{ run.id }}", "a$" + RUN_ID, "a$" + RUN_ID),
        ("# ${{ run.id }}\n${{ run.id }}", "# ${{ run.id }}\n" + RUN_ID, None),
    ],
)
def test_what_only_the_run_knows_is_filled_when_it_starts(text: str, code: str, word: str | None) -> None:
    assert fill(put(text), RUN_ID, RUN_DIR) == JobSpec(run=code)
    if word is not None:
        spec = JobSpec(argv=(text,), args=(text,), env={"A": text}, working_dir=text)
        filled = fill(put_in(spec, templates=Templates(), scope=SCOPE), RUN_ID, RUN_DIR)
        assert filled == JobSpec(argv=(word,), args=(word,), env={"A": word}, working_dir=word)


def test_until_then_it_can_be_read_in_the_plan() -> None:
    assert put("cp x ${{run.dir}}") == JobSpec(run="cp x ${{ run.dir }}", late=1)
    assert put("echo $${{ run.dir }} ${{ run.dir }}") == JobSpec(run="echo ${{ run.dir }} ${{ run.dir  }}", late=2)


def test_a_spec_without_such_places_is_left_alone() -> None:
    spec = JobSpec(run="echo ${{ run.dir }}")
    assert fill(spec, RUN_ID, RUN_DIR) is spec


_opened = ["${{ run.id }}", "${{ run.dir }}", "${{ run.dir | raw }}", "$${{ run.id }}", "${{ params.opening }}"]
_pieces = st.sampled_from([*_opened, "${{ params.dollar }}", " ", "$", "}}", "run.dir", "{{", " run.id "])


@given(st.lists(_pieces, max_size=8).map("".join))
def test_filling_finds_its_places_whatever_is_next_to_them(text: str) -> None:
    parsed = Templates().parse(text)
    if parsed.errors:
        return
    expected = "".join(
        part
        if isinstance(part, str)
        else {"run.id": RUN_ID, "run.dir": RUN_DIR}.get(part.reference) or VALUES[part.name]
        for part in parsed.parts
    )
    spec = fill(put_in(JobSpec(argv=(text,)), templates=Templates(), scope=SCOPE), RUN_ID, RUN_DIR)
    assert spec.argv == (expected,)


@given(st.text())
def test_any_text_is_parsed_without_a_loss(text: str) -> None:
    parsed = Templates().parse(text)
    assert parsed.openings == text.count(OPENING)
    if OPENING not in text:
        assert parsed.parts == ((text,) if text else ())


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_value_comes_through_a_shell_as_it_is(value: str) -> None:
    spec = put_in(
        JobSpec(run="printf %s x${{ params.v }}"), templates=Templates(), scope=TemplateScope({"v": value}, {}, "j")
    )
    assert spec.run is not None
    done = subprocess.run(["sh", "-c", spec.run], capture_output=True, timeout=60)
    assert done.stdout == b"x" + value.encode()


def test_a_plan_keeps_its_places_on_the_way_through_json() -> None:
    plan = good_plan("workflows: {w: {run: 'echo $${{ run.id }} ${{ run.id }}'}}", environment=PlanningEnvironment())
    spec = plan_from_dict(plan_to_dict(plan)).jobs[0].spec
    assert fill(spec, RUN_ID, RUN_DIR).run == "echo ${{ run.id }} " + RUN_ID


def test_a_path_in_the_run_directory_is_absolute() -> None:
    spec = JobSpec(working_dir="${{ run.dir }}/x", late=1)
    assert is_absolute("${{ run.dir }}/x", spec)
    assert is_absolute("/x", spec)
    assert not is_absolute("x", spec)
