"""S05: an existing dependency graph is read, merged, and never overwritten."""

from __future__ import annotations

import json
from typing import Any

from support.cli import Pexec

GRAPH: dict[str, Any] = {
    "workflows": {"a": {"path": "a.sh", "status": "SUCCESS"}, "b": {"path": "b.sh", "status": "FAILED"}},
    "dependencies": {"a": [], "b": ["a"]},
    "execution_order": ["a", "b"],
}


def test_the_graph_is_merged_and_left_unchanged(pexec: Pexec) -> None:
    text = json.dumps(GRAPH)
    pexec.file("deps.json", text).file("a.sh", ":\n").file("b.sh", ":\n").file("c.sh", "# Depends on: b\n")
    said = pexec.run("discover", "c.sh", "--dependency-graph", "deps.json", "--format", "json")
    assert (said.exit_code, said.stderr) == (0, "")
    assert json.loads(said.stdout) == {
        "workflows": {"c": {"path": "c.sh", "status": "PENDING"}, **GRAPH["workflows"]},
        "dependencies": {"c": ["b"], "a": [], "b": ["a"]},
        "execution_order": ["a", "b", "c"],
    }
    assert (pexec.folder / "deps.json").read_text() == text


def test_the_graph_is_not_overwritten_even_on_request(pexec: Pexec) -> None:
    text = json.dumps(GRAPH)
    pexec.file("deps.json", text).file("a.sh", ":\n").file("b.sh", ":\n")
    said = pexec.run("discover", "--dependency-graph", "deps.json", "--format", "json", "-o", "deps.json")
    assert (said.exit_code, said.stdout) == (4, "")
    assert (pexec.folder / "deps.json").read_text() == text
