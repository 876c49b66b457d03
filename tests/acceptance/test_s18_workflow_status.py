"""S18: each workflow in `dependencies.json` is an entry of its path and its status, which begins as PENDING."""

from __future__ import annotations

import json

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
workflows:
  first: {run: cp "$PEXEC_RUN_DIR/dependencies.json" seen-by-first.json}
  second: {file: second.sh, needs: first}
  third: {needs: second, run: exit 3}
"""


def test_an_exported_graph_has_a_path_and_a_pending_status_for_each_workflow(pexec: Pexec) -> None:
    pexec.file("a.sh", "# Depends on: b\n").file("b.sh", ":\n")
    said = pexec.run("discover", "a.sh", "b.sh", "--format", "json")
    assert (said.exit_code, said.stderr) == (0, "")
    assert json.loads(said.stdout)["workflows"] == {
        "a": {"path": "a.sh", "status": "PENDING"},
        "b": {"path": "b.sh", "status": "PENDING"},
    }


def test_in_a_run_the_status_is_true_when_it_is_written(pexec: Pexec) -> None:
    pexec.file("second.sh", ":\n").file("pexec.yaml", MANIFEST)
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    seen = json.loads((pexec.folder / "seen-by-first.json").read_text())["workflows"]
    assert set(seen) == {"first", "second", "third"}
    assert seen["first"]["status"] in {"PENDING", "RUNNING"}
    assert (seen["second"]["status"], seen["third"]["status"]) == ("PENDING", "PENDING")
    at_the_end = last_run(pexec.folder).check().json("dependencies.json")["workflows"]
    assert {name: entry["status"] for name, entry in at_the_end.items()} == {
        "first": "SUCCESS",
        "second": "SUCCESS",
        "third": "FAILED",
    }
    assert all(set(entry) == {"path", "status"} for entry in at_the_end.values())
    assert at_the_end["second"]["path"] == "second.sh"
