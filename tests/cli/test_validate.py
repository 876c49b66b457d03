"""`pexec validate`: everything that is wrong, at its line, in one pass."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec

GOOD = """\
version: 1
workflows:
  fetch:
    run: ./fetch.sh
  build:
    needs: [fetch]
    run: make
  test:
    needs: [build]
    run: make test
  lint:
    run: make lint
"""

BAD = """\
version: 1
workflows:
  fetch:
    needs: [test]
    run: ./fetch.sh
    env: {API_TOKEN: 1.2340}
  build:
    needs: [fetch, tset]
    run: make
    depends_on: fetch
  test:
    needs: [build]
    run: make test
    timeout: 5 min
"""

BAD_SHOWN = """\
error[PX201]: circular dependency: `fetch` -> `test` -> `build` -> `fetch`
  --> pexec.yaml:4:13
   |
 4 |     needs: [test]
   |             ^^^^ `fetch` needs `test`
   ...
 8 |     needs: [fetch, tset]
   |             ----- `build` needs `fetch`
   ...
12 |     needs: [build]
   |             ----- `test` needs `build`
   = help: remove one of these edges; `fetch -> test` is the only one that closes the cycle

error[PX117]: `env.API_TOKEN` of workflow `fetch`: expected text, found a number with more than one spelling
 --> pexec.yaml:6:22
  |
6 |     env: {API_TOKEN: ***}
  |                      ^^^
  = help: put it in quotes to keep it as it is written

error[PX202]: unknown workflow `tset` in `needs` of `build`
 --> pexec.yaml:8:20
  |
8 |     needs: [fetch, tset]
  |                    ^^^^ no such workflow
  = help: did you mean `test`?

error[PX110]: unknown key `depends_on` in workflow `build`
  --> pexec.yaml:10:5
   |
10 |     depends_on: fetch
   |     ^^^^^^^^^^
   = help: pexec calls it `needs`

error[PX114]: `timeout` of workflow `test`: `5 min` is not a duration
  --> pexec.yaml:14:14
   |
14 |     timeout: 5 min
   |              ^^^^^
   = help: write `5m`

error: 5 errors in pexec.yaml
"""


def test_a_valid_manifest_is_said_to_be_valid(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", GOOD).run("validate", "pexec.yaml").said(stdout="pexec.yaml: valid, 4 jobs in 3 levels\n")


def test_quiet_says_nothing_of_a_valid_manifest(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", GOOD).run("validate", "-q", "pexec.yaml").said()


def test_all_errors_of_reading_and_planning_are_reported_in_one_pass(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", BAD).run("validate", "pexec.yaml").said(exit_code=3, stderr=BAD_SHOWN)


def test_one_error_makes_a_manifest_invalid_though_the_rest_of_it_can_be_planned(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", GOOD.replace("run: make lint", "run: make lint\n    timeout: 0")).run("validate")
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr.endswith("error: 1 error in pexec.yaml\n")


def test_without_a_file_the_manifest_above_is_meant(pexec: Pexec) -> None:
    pexec.file("pexec.yml", GOOD).inside("a/b").run("validate").said(
        stdout="../../pexec.yml: valid, 4 jobs in 3 levels\n"
    )


def test_the_search_for_a_manifest_ends_at_the_repositorys_root(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", GOOD).inside("other/.git/..").run("validate").said(
        exit_code=2,
        stderr="error: no `pexec.yaml` or `pexec.yml` in this directory or its parents, up to the repository's root\n"
        "  = help: name the manifest, or change to its directory\n",
    )


def test_of_several_manifests_each_is_reported_and_one_bad_one_is_enough(pexec: Pexec) -> None:
    pexec.file("good.yaml", GOOD).file("empty.yaml", "version: 1\n")
    said = pexec.run("validate", "empty.yaml", "good.yaml", "nowhere.yaml")
    said.said(
        exit_code=3,
        stdout="good.yaml: valid, 4 jobs in 3 levels\n",
        stderr="""\
error[PX111]: missing key `workflows`
 --> empty.yaml:1:1
  |
1 | version: 1
  | ^^^^^^^^^^
  = help: define at least one workflow: `workflows: {build: {run: make}}`

error: 1 error in empty.yaml

error[PX101]: `nowhere.yaml` does not exist

error: 1 error in nowhere.yaml
""",
    )


def test_a_manifest_may_come_from_stdin(pexec: Pexec) -> None:
    pexec.run("validate", "-", stdin=GOOD).said(stdout="<stdin>: valid, 4 jobs in 3 levels\n")
    said = pexec.run("validate", "-", stdin="version: 1\nworkflows: {a: {run: x, need: b}}\n")
    assert said.stderr.startswith("error[PX110]: unknown key `need` in workflow `a`\n --> <stdin>:2:25\n")


def test_json_has_the_same_facts_on_stdout(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", BAD).run("validate", "--format", "json", "pexec.yaml")
    assert (said.exit_code, said.stderr) == (3, "")
    diagnostics = json.loads(said.stdout)["diagnostics"]
    assert [(fault["code"], fault["line"], fault["column"], fault["length"]) for fault in diagnostics] == [
        ("PX201", 4, 13, 4),
        ("PX117", 6, 22, 6),
        ("PX202", 8, 20, 4),
        ("PX110", 10, 5, 10),
        ("PX114", 14, 14, 5),
    ]
    assert diagnostics[2] == {
        "code": "PX202",
        "severity": "error",
        "message": "unknown workflow `tset` in `needs` of `build`",
        "file": "pexec.yaml",
        "line": 8,
        "column": 20,
        "length": 4,
        "path": ["workflows", "build", "needs", 1],
        "notes": [
            {
                "message": "no such workflow",
                "file": "pexec.yaml",
                "line": 8,
                "column": 20,
                "length": 4,
            }
        ],
        "help": "did you mean `test`?",
    }
    assert "1.234" not in said.stdout


def test_json_of_valid_manifests_is_an_empty_list(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", GOOD).run("validate", "--format=json").said(stdout='{\n  "diagnostics": []\n}\n')


def test_json_of_a_manifest_that_is_not_there_names_it_and_has_no_place(pexec: Pexec) -> None:
    said = pexec.file("empty.yaml", "").run("validate", "--format", "json", "nowhere.yaml", "empty.yaml")
    places = [
        [fault[key] for key in ("file", "line", "column", "length")] for fault in json.loads(said.stdout)["diagnostics"]
    ]
    assert places == [["nowhere.yaml", None, None, None], ["empty.yaml", 1, 1, 1]]


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07", "a\nerror: fake", "\u202ereversed", "::error::x"])
def test_nothing_in_a_manifest_drives_the_terminal(pexec: Pexec, name: str) -> None:
    manifest = json.dumps({"version": 1, "workflows": {name: {"run": "x", name: name}}}, ensure_ascii=False)
    for command in (["validate"], ["validate", "--format", "json"], ["plan"]):
        said = pexec.file("pexec.yaml", manifest).run(*command, "pexec.yaml")
        assert said.exit_code == 3
        text = (said.stdout + said.stderr).replace("\n", "")
        assert text.isprintable()
        assert "\nerror: fake" not in said.stdout + said.stderr
        assert "\n::" not in said.stdout + said.stderr
