"""S13: where an existing graph and the files contradict each other, both places are shown."""

from __future__ import annotations

from support.cli import Pexec


def test_another_path_for_a_name_is_an_error(pexec: Pexec) -> None:
    pexec.file("old/a.sh", ":\n").file("a.sh", "true\n").file("deps.json", '{"workflows": {"a": {"path": "old/a.sh"}}}')
    said = pexec.run("discover", "a.sh", "--dependency-graph", "deps.json")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "error[PX135]" in said.stderr
    assert "--> deps.json:1:30" in said.stderr
    assert "::: a.sh:1:1" in said.stderr


def test_opposite_dependencies_are_a_cycle_through_both_files(pexec: Pexec) -> None:
    pexec.file("a.sh", "# Depends on: b\n").file("b.sh", ":\n").file("deps.json", '{"dependencies": {"b": ["a"]}}')
    said = pexec.run("discover", "a.sh", "b.sh", "--dependency-graph", "deps.json")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "error[PX201]: circular dependency: `a` -> `b` -> `a`\n --> a.sh:1:15\n" in said.stderr
    assert "::: deps.json:1:25\n" in said.stderr


def test_a_need_that_the_graph_lacks_is_a_warning_and_is_kept(pexec: Pexec) -> None:
    pexec.file("a.sh", "# Depends on: b\n").file("b.sh", ":\n").file("deps.json", '{"dependencies": {"a": []}}')
    said = pexec.run("discover", "a.sh", "b.sh", "--dependency-graph", "deps.json")
    assert said.exit_code == 0
    assert "    needs: [b]\n" in said.stdout
    assert "warning[PX135]" in said.stderr
    assert "--> a.sh:1:15\n" in said.stderr
    assert "::: deps.json:1:24\n" in said.stderr


def test_keys_of_the_graph_are_not_workflows(pexec: Pexec) -> None:
    pexec.file("a.sh", ":\n").file("deps.json", '{"workflows": {"a": {"path": "a.sh", "status": "path"}}}')
    said = pexec.run("discover", "--dependency-graph", "deps.json")
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.endswith("workflows:\n  a:\n    file: a.sh\n")
