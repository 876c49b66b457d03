"""Corner cases of planning: rare inputs that take a branch of the code which no other test takes."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

import pytest
from support.planning import file_facts, plan_of_workflows, planned

import orchestrator
from orchestrator.manifest.file_facts import RunbookProblem
from orchestrator.plan import cycles, digest
from orchestrator.plan.inputs import PlanningEnvironment
from orchestrator.plan.template import MAX_ERRORS, Templates


@pytest.mark.parametrize(("line", "notes"), [(0, 1), (3, 2)])
def test_a_problem_of_a_runbook_is_reported_with_its_line_if_it_has_one(line: int, notes: int) -> None:
    problem = RunbookProblem("it has no shell block", line, "add one")
    result = planned("workflows: {a: {file: a.md}}\n", files={"a.md": file_facts("runbook", problem=problem)})
    (reported,) = result.diagnostics
    assert reported.message == "`a` cannot run the runbook `a.md`: it has no shell block"
    assert (reported.code, reported.help, len(reported.notes)) == ("PX231", "add one", notes)


def test_a_job_without_a_cycle_through_it_has_no_shortest_cycle() -> None:
    assert cycles._shortest_through([[1], []], 0, [0, 0], 0) == ((), 1)


def test_without_the_private_module_of_python_the_hashes_are_those_of_hashlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_blake2", None)
    specification = importlib.util.spec_from_file_location("digest_without_blake2", digest.__file__)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    hashes = [vars(one)["blake2b"] for one in (module, digest)]
    assert hashes[0] is hashlib.blake2b
    assert hashes[0](b"a").digest() == hashes[1](b"a").digest()


def test_paths_of_an_included_manifest_are_relative_to_the_first_one(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/part.yaml").write_text(
        "version: 1\nworkflows:\n"
        "  sandboxed: {run: 'true', isolation: sandbox, env_inherit: all, writes: [out, /tmp/out], working_dir: sub}\n"
        "  late: {run: 'true', working_dir: '${{ run.dir }}/x'}\n"
    )
    (tmp_path / "pexec.yaml").write_text("version: 1\ninclude: [lib/part.yaml]\n")
    specs = {job.id: job.spec for job in orchestrator.make_plan(tmp_path / "pexec.yaml").jobs}
    assert specs["sandboxed"].writes == ("lib/out", "/tmp/out")
    assert specs["sandboxed"].working_dir == "lib/sub"
    assert specs["sandboxed"].env_inherit == "all"
    assert specs["late"].working_dir.endswith("/x")
    assert not specs["late"].working_dir.startswith("lib/")


def test_a_choice_from_a_matrix_that_was_refused_is_not_a_second_error() -> None:
    axes = {axis: [f"{axis}{number}" for number in range(30)] for axis in "klm"}
    result = plan_of_workflows(
        {
            "build": {"run": "true", "matrix": axes},
            "test": {"run": "true", "needs": [{"workflow": "build", "matrix": {"k": "k1"}}]},
            "lint": {"run": "true", "matrix": {"k": ["k1"]}},
        }
    )
    assert [one.code for one in result.diagnostics] == ["PX209"]


def test_a_parameter_that_is_declared_wrongly_is_not_checked_against_its_value() -> None:
    result = planned(
        "params: {level: {default: high, choices: [low]}}\nworkflows: {a: {run: 'true'}}\n",
        environment=PlanningEnvironment(cli_params={"level": "other"}, for_run=True),
    )
    assert [one.code for one in result.diagnostics] == ["PX218"]


def test_of_many_wrong_references_in_one_text_a_bounded_number_is_reported() -> None:
    text = " ".join(f"${{{{ params.p{number} }}}}" for number in range(MAX_ERRORS + 10))
    result = planned(f"workflows: {{a: {{run: '{text}'}}}}\n")
    assert {one.code for one in result.diagnostics} == {"PX212"}
    assert len(result.diagnostics) == MAX_ERRORS


@pytest.mark.parametrize("text", ["cat <<", "cat << \n"])
def test_a_here_document_without_a_word_hides_no_template_behind_it(text: str) -> None:
    template = Templates().parse(f"{text}; echo ${{{{ params.a }}}}", in_shell=True)
    assert [piece.reference for piece in template.pieces] == ["params.a"]


@pytest.mark.parametrize(("code", "needs"), [("PX207", []), ("PX208", ["z", "z"])], ids=["waits for itself", "twice"])
def test_of_many_equal_mistakes_in_needs_a_bounded_number_is_reported(code: str, needs: list[str]) -> None:
    workflows: dict[str, object] = {"z": {"run": "true"}}
    for number in range(2_000):
        name = f"a{number}"
        workflows[name] = {"run": "true", "needs": [name] if code == "PX207" else needs}
    found = [one for one in plan_of_workflows(workflows).diagnostics if one.code == code]
    assert 0 < len(found) < 2_000
