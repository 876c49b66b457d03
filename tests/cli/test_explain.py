"""`pexec explain`: every code has an explanation, and its example does what the explanation says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import Pexec
from support.explanations import EXPLAINED, OF_MANIFESTS, PAGE, page, run_example, with_output

from orchestrator.diagnostics.explanation import explanation, explanation_file
from orchestrator.diagnostics.model import CODES

MAKE_IT = "make it again: python tests/support/explanations.py"


def test_every_code_has_an_explanation_and_no_other_has() -> None:
    folder = Path(str(explanation_file("PX101"))).parent
    assert sorted(path.stem for path in folder.iterdir()) == sorted(CODES)


@pytest.mark.parametrize("code", EXPLAINED)
def test_an_explanation_has_a_meaning_and_a_fix(code: str) -> None:
    found = explanation(code)
    for part in (found.meaning, found.fix):
        assert part[0].isupper() or part[0] == "`"
        assert part.endswith(".")
        assert max(map(len, part.splitlines())) <= 120
    assert found.text.endswith("\n")
    assert not found.text.endswith("\n\n")


@pytest.mark.parametrize("code", EXPLAINED)
def test_the_example_prints_what_the_explanation_shows_and_only_this_code(code: str, tmp_path: Path) -> None:
    text = explanation(code).text
    said = run_example(code, tmp_path)
    assert with_output(text, said.stderr) == text, MAKE_IT
    assert set(_codes(said.stderr)) == {code}
    assert said.exit_code == (
        {"PX310": 4, "PX314": 4, "PX315": 3, "PX318": 4, "PX316": 3, "PX326": 3, "PX434": 3}.get(
            code, {"PX3": 5, "PX4": 4}.get(code[:3], 3)
        )
        if "error[" in said.stderr
        else 0
    )
    assert said.exit_code == 0 or said.stdout == ""


def _codes(said: str) -> list[str]:
    return [
        line.partition("[")[2].partition("]")[0]
        for line in said.splitlines()
        if line.startswith(("error[", "warning["))
    ]


@pytest.mark.parametrize("code", OF_MANIFESTS)
def test_the_json_of_an_example_has_the_same_code(code: str, tmp_path: Path) -> None:
    said = run_example(code, tmp_path, "--format", "json")
    assert {fault["code"] for fault in json.loads(said.stdout)["diagnostics"]} == {code}


def test_the_page_is_made_of_the_explanations() -> None:
    assert PAGE.read_text() == page(), MAKE_IT


def test_a_code_is_explained_in_any_case(pexec: Pexec) -> None:
    said = pexec.run("explain", "px119")
    said.said(
        stdout="""\
PX119: a workflow with nothing to run

The workflow has none of `run`, `argv` and `file`. Such a workflow is a group, a name for its needs, but this one has no
needs either.

```yaml title="pexec.yaml"
version: 1
workflows:
  build:
    description: Compile everything.
```

```text
$ pexec validate pexec.yaml
error[PX119]: workflow `build` has nothing to run
 --> pexec.yaml:3:3
  |
3 |   build:
  |   ^^^^^
  = help: add `run`, `argv` or `file`; or `needs`, for a group

error: 1 error in pexec.yaml
```

Add what it runs or, for a group, what it needs.
"""
    )


def test_without_a_code_all_are_listed(pexec: Pexec) -> None:
    pexec.run("explain").said(stdout="".join(f"{code}  {title}\n" for code, title in CODES.items()))


@pytest.mark.parametrize("code", ["PX999", "../../PX110", ""])
def test_an_unknown_code_is_wrong_usage(pexec: Pexec, code: str) -> None:
    pexec.run("explain", code).said(
        exit_code=2, stderr=f"error: unknown code `{code}`\n  = help: `pexec explain` lists all codes\n"
    )


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("201", "did you mean `PX201`?"),
        ("px1", "did you mean `PX101`, `PX102` or `PX103`?"),
        ("PX2110", "did you mean `PX110`, `PX210` or `PX211`?"),
        ("nothing", "`pexec explain` lists all codes"),
    ],
)
def test_an_unknown_code_suggests_near_ones(pexec: Pexec, code: str, advice: str) -> None:
    said = pexec.run("explain", code)
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith(f"error: unknown code `{code}`\n  = help: {advice}")
    assert said.stderr.endswith("`pexec explain` lists all codes\n")
