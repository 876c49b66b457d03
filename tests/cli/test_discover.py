"""`pexec discover`: a manifest on stdout, diagnostics on stderr, and nothing is overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

from support.cli import Pexec

MANIFEST = """\
# Made by `pexec discover`. Workflows that do not need each other run side by side.
version: 1

workflows:
  deploy:
    file: ci/deploy.sh
    # reads: ci/lib.sh
    needs:
      - test
      - fetch  # inferred from the call at ci/deploy.sh:4

  test:
    file: test.md
    needs: [fetch]

  fetch:
    file: fetch.sh
"""
WARNING = """\
warning[PX133]: `deploy` needs `fetch`, because it calls it
 --> ci/deploy.sh:4:20
  |
4 | API_TOKEN=*** bash ../fetch.sh
  |                    ^^^^^^^^^^^ called here
  = help: `fetch` now runs before `deploy`, and again when it is called; `--infer off` leaves this out

warning: 1 warning in the files
"""


def project(pexec: Pexec) -> Pexec:
    pexec.file("ci/deploy.sh", "#!/bin/sh\n# Depends on: test\n. lib.sh\nAPI_TOKEN=abc bash ../fetch.sh\n")
    return pexec.file("ci/lib.sh", "").file("test.md", "# Requires: fetch\n\n```sh\n:\n```\n").file("fetch.sh", ":\n")


def test_the_manifest_is_data_and_the_rest_goes_to_stderr(pexec: Pexec) -> None:
    said = project(pexec).run("discover", "ci/deploy.sh", "test.md", "fetch.sh")
    said.said(stdout=MANIFEST, stderr=WARNING)


def test_what_is_printed_is_a_manifest(pexec: Pexec) -> None:
    found = project(pexec).run("discover", "--infer=off", "ci/deploy.sh", "test.md", "fetch.sh")
    assert (found.exit_code, found.stderr) == (0, "")
    planned = pexec.run("plan", "-", "--format", "json", stdin=found.stdout)
    assert (planned.exit_code, planned.stderr) == (0, "")
    assert json.loads(planned.stdout)["levels"] == [["fetch"], ["test"], ["deploy"]]


def test_json_is_a_dependency_graph_with_its_order(pexec: Pexec) -> None:
    pexec.file("deps.json", '{"workflows": {"fetch": {"path": "fetch.sh", "status": "SUCCESS"}}}')
    files = ("ci/deploy.sh", "test.md")
    said = project(pexec).run("discover", *files, "--dependency-graph", "deps.json", "--format", "json")
    assert said.exit_code == 0
    assert json.loads(said.stdout) == {
        "workflows": {
            "deploy": {"path": "ci/deploy.sh", "status": "PENDING", "sources": ["ci/lib.sh"]},
            "test": {"path": "test.md", "status": "PENDING"},
            "fetch": {"path": "fetch.sh", "status": "SUCCESS"},
        },
        "dependencies": {"deploy": ["test", "fetch"], "test": ["fetch"], "fetch": []},
        "execution_order": ["fetch", "test", "deploy"],
    }
    again = pexec.file("again.json", said.stdout).run("discover", "--dependency-graph", "again.json", "--format=json")
    assert json.loads(again.stdout) == json.loads(said.stdout)


def test_errors_end_with_3_and_without_data(pexec: Pexec) -> None:
    pexec.file("a.sh", "# Depends on: bb\n").file("b.sh", "")
    pexec.run("discover", "a.sh", "b.sh", "-o", "new.yaml").said(
        exit_code=3,
        stderr="""\
error[PX132]: unknown dependency `bb` of `a`
 --> a.sh:1:15
  |
1 | # Depends on: bb
  |               ^^ no given file is this
  = help: did you mean `b`?

error: 1 error in the files
""",
    )
    assert not (pexec.folder / "new.yaml").exists()


def test_a_cycle_is_told_with_every_edge_at_its_line(pexec: Pexec) -> None:
    pexec.file("a.sh", "#!/bin/sh\n# Depends on: b\n").file("b.md", "# Requires: a\n\n```sh\n:\n```\n")
    pexec.run("discover", "a.sh", "b.md").said(
        exit_code=3,
        stderr="""\
error[PX201]: circular dependency: `a` -> `b` -> `a`
 --> a.sh:2:15
  |
2 | # Depends on: b
  |               ^ `a` needs `b`
 ::: b.md:1:13
  |
1 | # Requires: a
  |             - `b` needs `a`
  = help: remove one of these edges, for example `b -> a`

error: 1 error in the files
""",
    )


def test_a_workflow_that_depends_on_itself_is_an_error(pexec: Pexec) -> None:
    said = pexec.file("a.sh", "# Depends on: a\n").run("discover", "a.sh")
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr.startswith("error[PX207]: `a` waits for itself\n --> a.sh:1:15\n")


def test_two_files_of_one_name_are_shown_both(pexec: Pexec) -> None:
    pexec.file("a/x.sh", "one\n").file("b/x.md", "two\n").run("discover", "a/x.sh", "b/x.md").said(
        exit_code=3,
        stderr="""\
error[PX131]: `a/x.sh` and `b/x.md` would get one name, `x`
  = help: rename all but one of them

error: 1 error in the files
""",
    )


def test_a_missing_file_is_an_error(pexec: Pexec) -> None:
    pexec.file("a.sh", "").run("discover", "a.sh", "b.sh").said(
        exit_code=3, stderr="error[PX130]: `b.sh` does not exist\n\nerror: 1 error in the files\n"
    )


def test_output_is_written_with_paths_from_its_folder(pexec: Pexec) -> None:
    project(pexec).run("discover", "--infer=off", "ci/deploy.sh", "test.md", "fetch.sh", "-o", "ci/pexec.yaml").said()
    text = (pexec.folder / "ci/pexec.yaml").read_text()
    assert "    file: deploy.sh\n    # reads: lib.sh\n" in text
    assert "    file: ../fetch.sh\n" in text
    assert pexec.run("validate", "ci/pexec.yaml").exit_code == 0


def test_output_is_never_overwritten(pexec: Pexec) -> None:
    pexec.file("a.sh", "").file("pexec.yaml", "mine\n")
    (pexec.folder / "link.yaml").symlink_to("nowhere.yaml")
    for name in ("pexec.yaml", "link.yaml"):
        pexec.run("discover", "a.sh", "-o", name).said(
            exit_code=4,
            stderr=f"error[PX407]: `{name}` already exists\n"
            "  = help: pexec does not overwrite files; name another one with `-o`\n",
        )
    assert (pexec.folder / "pexec.yaml").read_text() == "mine\n"
    assert not (pexec.folder / "nowhere.yaml").exists()


def test_output_that_cannot_be_written_is_told(pexec: Pexec) -> None:
    pexec.file("a.sh", "").run("discover", "a.sh", "-o", "none/pexec.yaml").said(
        exit_code=5, stderr="error[PX302]: `none/pexec.yaml` cannot be written: no such file or directory\n"
    )


def test_without_files_the_usage_is_wrong(pexec: Pexec) -> None:
    pexec.run("discover").said(
        exit_code=2,
        stderr="error: missing argument FILE\n  = help: name scripts or Markdown runbooks\n",
    )


def test_without_the_parser_it_says_how_to_install_it(pexec: Pexec, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "tree_sitter_bash.py").write_text("raise ImportError('not installed')\n")
    pexec.file("a.sh", ":\n").env(PYTHONPATH=os.fspath(hidden)).run("discover", "a.sh").said(
        exit_code=5,
        stderr="error[PX301]: `pexec discover` cannot import `tree-sitter` and `tree-sitter-bash`, which it parses "
        "shell code with\n"
        "  = help: this installation of pexec is incomplete: `pip install tree-sitter tree-sitter-bash`\n",
    )


def test_places_are_right_behind_characters_that_only_some_take_for_line_ends(pexec: Pexec) -> None:
    said = pexec.file("a.sh", "echo '\u2028'\n# Depends on: b\n").run("discover", "a.sh")
    assert " --> a.sh:2:15\n  |\n2 | # Depends on: b\n" in said.stderr
