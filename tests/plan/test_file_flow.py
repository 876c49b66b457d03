"""Which files jobs read and make, as far as it is known before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.planning import good_plan, planned

import orchestrator
from orchestrator.plan.flow_model import Input, OutputFiles
from orchestrator.plan.model import MINIMAL_ENV
from orchestrator.plan.render import plan_text


def found(text: str) -> list[str]:
    return [f"{one.code} {one.message}" for one in planned(text).diagnostics]


def test_inputs_and_outputs_are_those_of_each_job_with_templates_filled_in() -> None:
    plan = good_plan(
        """\
        params: {lang: {default: c}}
        workflows:
          w:
            matrix: {n: [1, 2]}
            inputs: ["src/${{ matrix.n }}.${{ params.lang }}", {env: CC}, {command: [cc, "${{ matrix.n }}"]}]
            outputs: {o: {path: ["o/${{ matrix.n }}", "!o/x"], fresh: true, optional: true}}
            run: make
        """
    )
    first = plan.jobs[0].spec
    assert first.inputs == (Input("src/1.c"), Input(env="CC"), Input(command=("cc", "1")))
    assert first.output_files == (OutputFiles(("o/1", "!o/x"), "o", fresh=True, optional=True),)
    assert first.env_inherit == (*MINIMAL_ENV, "CC")
    assert plan.jobs[0].digest != plan.jobs[1].digest


def test_a_job_with_inputs_inherits_little_and_the_variables_among_its_inputs() -> None:
    plan = good_plan(
        "workflows: {a: {inputs: [x], run: m}, b: {inputs: [{env: X}], env_inherit: all, run: m}, "
        "c: {inputs: [x, {env: X}], run: m}}\n"
    )
    inherited = [job.spec.env_inherit for job in plan.jobs]
    assert inherited == ["minimal", "all", (*MINIMAL_ENV, "X")]


def test_a_list_of_outputs_is_unnamed_and_a_named_one_is_a_value() -> None:
    plan = good_plan("workflows: {a: {outputs: [x, y/], run: m}, b: {outputs: {n: {path: '*.o'}, v: {}}, run: m}}\n")
    assert [output.paths for output in plan.jobs[0].spec.output_files] == [("x",), ("y/",)]
    assert plan.jobs[0].spec.outputs == {}
    assert {name: (one.type, one.files) for name, one in plan.jobs[1].spec.outputs.items()} == {
        "n": ("json", True),
        "v": ("text", False),
    }


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("[x]", "[./x]", "PX251 `./x` is an output of `b` and of `a`"),
        ("[d/]", "[d/e/f]", "PX251 the output `d/e/f` of `b` is in the output `d/` of `a`"),
        ("[d/e]", "[d]", "PX251 the output `d/e` of `a` is in the output `d` of `b`"),
        ("['d/*.o']", "['d/*.o']", "PX251 `d/*.o` is an output of `b` and of `a`"),
        ("{n: {path: [p, q]}}", "{m: {path: q}}", "PX251 `q` is an output of `b` and of `a`"),
    ],
)
def test_outputs_of_two_jobs_must_not_overlap(first: str, second: str, message: str) -> None:
    text = f"workflows:\n  a: {{outputs: {first}, run: x}}\n  b: {{outputs: {second}, run: x}}\n"
    assert found(text) == [message]


def test_an_overlap_is_reported_once_and_not_within_one_job() -> None:
    assert found("workflows: {a: {outputs: [d/, d/e, d/e/f], run: x}}\n") == []
    assert len(found("workflows: {a: {outputs: [d], run: x}, b: {outputs: [d], run: x}}\n")) == 1
    assert len(found("workflows: {a: {outputs: [d], run: x, matrix: {n: [1, 2, 3]}}}\n")) == 1


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/x", "is an absolute path"),
        ("../x", "is outside of the manifest's directory"),
        ("a/../..", "is outside of the manifest's directory"),
        (".", "is the manifest's directory itself"),
        ("a/.git/x", "is in `.git`"),
        (".pexec", "is in `.pexec`"),
    ],
)
def test_outputs_are_below_the_manifest_and_not_in_directories_of_tools(path: str, why: str) -> None:
    assert found(f"workflows: {{a: {{outputs: ['{path}'], run: x}}}}\n") == [f"PX254 the output `{path}` of `a` {why}"]


def test_inputs_are_relative() -> None:
    text = "workflows: {a: {matrix: {n: [1, 2]}, inputs: [/x, '!/y', z], run: x}}\n"
    assert [one.split(" of ")[0] for one in found(text)] == ["PX254 the input `/x`", "PX254 the input `!/y`"]


def test_an_output_is_not_literally_an_input() -> None:
    message = "PX250 `x` is both an input and an output of `a`"
    assert found("workflows: {a: {inputs: [./x, {env: B}], outputs: [x], run: y}}\n") == [message]
    assert found("workflows: {a: {inputs: ['*'], outputs: [x], run: y}}\n") == []


def test_what_is_known_only_when_the_job_starts_is_not_compared() -> None:
    text = (
        "workflows:\n  v: {outputs: {p: {}}, run: x}\n"
        "  a: {needs: v, inputs: ['${{ needs.v.outputs.p }}'], outputs: [a, '!x'], run: x}\n"
        "  b: {needs: v, inputs: ['${{ needs.v.outputs.p }}'], outputs: [b, '!x'], run: x}\n"
    )
    assert found(text) == []


@pytest.mark.parametrize(("name", "code"), [("needs.v.outputs.p", "PX214"), ("run.id", "PX252")])
def test_where_outputs_are_is_known_before_the_run(name: str, code: str) -> None:
    template = f"${{{{ {name} }}}}"
    text = f"workflows:\n  v: {{outputs: {{p: {{}}}}, run: x}}\n  a: {{needs: v, outputs: ['{template}'], run: x}}\n"
    assert [one[:5] for one in found(text)] == [code]


@pytest.mark.parametrize("value", ["'a${{ run.id }}'", "'a${{ run.dir | raw }}'"])
def test_with_inputs_no_template_of_the_run_is_allowed_wherever_it_is(value: str) -> None:
    for key in (f"run: {value}", f"argv: [a, {value}]", f"run: x, env: {{A: {value}}}"):
        assert [one[:5] for one in found(f"workflows: {{a: {{inputs: [], {key}}}}}\n")] == ["PX252"]
        assert found(f"workflows: {{a: {{{key}}}}}\n") == []


def test_keys_about_results_have_no_effect_without_inputs() -> None:
    assert [one[:5] for one in found("workflows: {a: {cache: false, run: x}}\n")] == ["PX253"]
    assert [one[:5] for one in found("workflows: {a: {outputs: {n: {path: x, fresh: true}}, run: x}}\n")] == ["PX253"]
    assert [one[:5] for one in found("workflows: {a: {isolation: sandbox, reads: declared, run: x}}\n")] == ["PX253"]
    assert found("workflows: {a: {isolation: sandbox, reads: declared, inputs: [], run: x}}\n") == []
    assert found("workflows: {a: {inputs: [], cache: false, outputs: {n: {path: x, fresh: true}}, run: x}}\n") == []


def test_the_plan_shows_inputs_and_outputs() -> None:
    plan = good_plan(
        """\
        workflows:
          a: {inputs: [src/, {env: CC}, {command: [cc, --version]}], outputs: ["*.o"], cache: false, run: x}
          b: {inputs: [], isolation: sandbox, reads: declared, outputs: {app: {path: app}, v: {}}, run: x}
        """
    )
    text = plan_text(plan, checks={"a": "up to date"})
    assert "inputs src/, $CC, `cc --version`; outputs *.o; not cached\n" in text
    assert "sandbox, writes nothing, reads only what is declared; inputs none; outputs app, v\n" in text
    assert text.count("up to date") == 1


def test_a_pattern_in_a_directory_with_a_wildcard_overlaps_only_with_itself() -> None:
    text = (
        "workflows: {a: {outputs: ['*/x'], run: x}, b: {outputs: ['*/x/y'], run: x}, c: {outputs: ['a*/x'], run: x}}\n"
    )
    assert found(text) == []


def test_templates_of_inputs_are_checked_wherever_they_are() -> None:
    text = """\
        workflows:
          a:
            inputs: ["${{ params.p }}", {path: "${{ params.q }}"}, {command: [x, "${{ params.r }}"]}]
            outputs: {o: {path: ["${{ params.s }}"]}, u: {path: ["${{ params.t }}", u]}}
            run: x
        """
    assert [one.split("`")[1] for one in found(text)] == [f"${{{{ params.{name} }}}}" for name in "pqrst"]


def test_paths_of_an_included_manifest_become_relative_to_the_first_one(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "pexec.yaml").write_text("version: 1\ninclude: [lib/pexec.yaml]\n")
    included = "{inputs: [a, '!b', {env: C}], outputs: [d/, '!d/e'], run: x}"
    (tmp_path / "lib/pexec.yaml").write_text(f"version: 1\nworkflows: {{w: {included}}}\n")
    (job,) = orchestrator.make_plan(tmp_path / "pexec.yaml").jobs
    assert job.spec.inputs == (Input("lib/a"), Input("!lib/b"), Input(env="C"))
    assert [output.paths for output in job.spec.output_files] == [("lib/d/",), ("!lib/d/e",)]
