"""S12: `dependencies.json` is valid JSON for any name, and its order is complete."""

from __future__ import annotations

import json

from support.cli import Pexec
from support.runs import last_run


def test_any_path_makes_valid_json(pexec: Pexec) -> None:
    names = ['a "b".sh', "c\\d.sh", "e\nf.sh", "g'h,{}.sh", "ä ☃.sh"]
    for name in names:
        pexec.file(name, ":\n")
    said = pexec.run("discover", *names, "--format", "json")
    assert (said.exit_code, said.stderr) == (0, "")
    graph = json.loads(said.stdout)
    assert sorted(graph) == ["dependencies", "execution_order", "workflows"]
    assert [entry["path"] for entry in graph["workflows"].values()] == names
    assert list(graph["workflows"]) == ["a__b_", "c_d", "e_f", "g_h___", "___"]
    assert graph["execution_order"] == list(graph["workflows"])


def test_in_the_order_every_workflow_follows_its_needs(pexec: Pexec) -> None:
    pexec.file("a.sh", "# Depends on: b, c\n").file("b.sh", "# Depends on: c\n").file("c.sh", ":\n").file("d.sh", ":\n")
    said = pexec.run("discover", "a.sh", "b.sh", "c.sh", "d.sh", "--format", "json")
    assert json.loads(said.stdout)["execution_order"] == ["c", "d", "b", "a"]


def test_discovery_reads_what_it_wrote(pexec: Pexec) -> None:
    pexec.file("a.sh", "# Depends on: b\n. ./lib.sh\n").file("b.sh", ":\n").file("lib.sh", ":\n")
    pexec.run("discover", "a.sh", "b.sh", "--format", "json", "-o", "deps.json").said()
    said = pexec.run("discover", "--dependency-graph", "deps.json", "--format", "json")
    assert (said.exit_code, said.stdout) == (0, (pexec.folder / "deps.json").read_text())


def test_each_run_directory_has_one_with_the_final_statuses(pexec: Pexec) -> None:
    jobs = "  c: {needs: [b], run: ':'}\n  b: {file: b.sh, needs: a}\n  a: {run: ':'}\n  d: {run: exit 1}\n"
    pexec.file("b.sh", ":\n").file("pexec.yaml", f"version: 1\nworkflows:\n{jobs}")
    assert pexec.run("apply", "-j", "1", "--output", "quiet").exit_code == 1
    data = last_run(pexec.folder).check().json("dependencies.json")
    assert sorted(data) == ["dependencies", "execution_order", "workflows"]
    assert {name: entry["status"] for name, entry in data["workflows"].items()} == {
        "a": "SUCCESS",
        "b": "SUCCESS",
        "c": "SUCCESS",
        "d": "FAILED",
    }
    assert data["workflows"]["b"]["path"] == "b.sh"
    assert data["dependencies"] == {"c": ["b"], "b": ["a"], "a": [], "d": []}
    order = data["execution_order"]
    assert sorted(order) == ["a", "b", "c", "d"]
    assert order.index("a") < order.index("b") < order.index("c")
