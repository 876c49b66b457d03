"""An existing dependency graph: read, merged, never overwritten; contradictions are reported at both places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.discovery import Project, edges, place, reported

from orchestrator.discovery.model import Origin


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path).file("a.sh").file("b.sh").file("c.sh")


def graph(workflows: object = None, dependencies: object = None, order: object = None, **more: object) -> str:
    given = {"workflows": workflows, "dependencies": dependencies, "execution_order": order, **more}
    return json.dumps({key: value for key, value in given.items() if value is not None})


def notes(project: Project, *files: str) -> list[list[str]]:
    """The spans of each diagnostic, its own first."""
    found = project.found(*files, graph="deps.json").diagnostics
    return [[place(diagnostic.span), *(place(note.span) for note in diagnostic.notes)] for diagnostic in found]


def test_the_dependencies_of_the_graph_join(project: Project) -> None:
    project.file("a.sh", "# Depends on: b\n").file("deps.json", graph(None, {"a": ["b", "c"], "c": []}))
    found = project.found("a.sh", "b.sh", "c.sh", graph="deps.json")
    assert (edges(found), reported(found)) == ({"a": ["b", "c"]}, [])
    assert [need.origin for need in found.entries[0].needs] == [Origin.DIRECTIVE, Origin.GRAPH]


def test_the_workflows_of_the_graph_join_with_their_status_and_are_read_too(project: Project) -> None:
    project.file("old/my d.sh", "# Depends on: a\n")
    workflows = {"a": {"path": "a.sh", "status": "SUCCESS"}, "my d": {"path": "old/my d.sh"}}
    found = project.file("deps.json", graph(workflows)).found("a.sh", graph="deps.json")
    assert [(entry.name, entry.path, entry.status) for entry in found.entries] == [
        ("a", "a.sh", "SUCCESS"),
        ("my_d", "old/my d.sh", "PENDING"),
    ]
    assert (edges(found), reported(found)) == ({"my_d": ["a"]}, [])


def test_paths_of_the_graph_start_from_its_own_directory_and_then_from_the_current_one(project: Project) -> None:
    project.file("ci/a.sh").file("ci/deps.json", graph({"a": {"path": "a.sh"}, "b": {"path": "b.sh"}}))
    assert [entry.path for entry in project.found(graph="ci/deps.json").entries] == ["ci/a.sh", "b.sh"]


def test_keys_are_not_read_as_workflows(project: Project) -> None:
    text = graph({"a": {"path": "a.sh", "status": "FAILED", "sources": ["x"]}}, {"a": []}, ["a"], path="x", status="y")
    found = project.file("deps.json", text).found(graph="deps.json")
    assert [entry.name for entry in found.entries] == ["a"]
    assert found.diagnostics == ()


def test_names_in_the_graph_are_never_dropped(project: Project) -> None:
    project.file("deps.json", graph({"a": {"path": "a.sh"}}, {"a": ["x"], "bb": ["a"]}, ["a", "y"]))
    assert reported(project.found("b.sh", graph="deps.json")) == [
        "error PX132 deps.json:1:63+3: unknown dependency `x` of `a`",
        "error PX132 deps.json:1:69+4: unknown workflow `bb` in `dependencies`",
        "error PX132 deps.json:1:108+3: unknown workflow `y` in `execution_order`",
    ]


def test_another_path_is_a_contradiction_reported_at_both_places(project: Project) -> None:
    project.file("old/a.sh").file("deps.json", '{"workflows":\n {"a": {"path": "old/a.sh"}}}')
    found = project.found("a.sh", graph="deps.json")
    assert reported(found) == ["error PX135 deps.json:2:17+10: `a` is `a.sh`, but `old/a.sh` in the dependency graph"]
    assert notes(project, "a.sh") == [["deps.json:2:17+10", "deps.json:2:17+10", "a.sh:1:1+1"]]


def test_another_name_is_a_contradiction(project: Project) -> None:
    project.file("deps.json", graph({"other": {"path": "a.sh"}}))
    assert reported(project.found("a.sh", graph="deps.json")) == [
        "error PX135 deps.json:1:16+7: `a.sh` is the workflow `a`, but `other` in the dependency graph"
    ]


def test_a_need_that_is_missing_in_the_graph_is_reported_and_used(project: Project) -> None:
    project.file("a.sh", "# Depends on: b\n").file("deps.json", graph(None, {"a": ["c"]}))
    found = project.found("a.sh", "b.sh", "c.sh", graph="deps.json")
    assert edges(found) == {"a": ["b", "c"]}
    assert reported(found) == ["warning PX135 a.sh:1:15+1: `a` needs `b`, which is missing in the dependency graph"]
    assert notes(project, "a.sh", "b.sh", "c.sh") == [["a.sh:1:15+1", "a.sh:1:15+1", "deps.json:1:24+5"]]


def test_an_order_that_reverses_a_need_is_reported_at_both_places(project: Project) -> None:
    project.file("a.sh", "# Depends on: b\n").file("deps.json", graph(None, None, ["a", "b", "c"]))
    found = project.found("a.sh", "b.sh", "c.sh", graph="deps.json")
    assert edges(found) == {"a": ["b"]}
    assert reported(found) == ["warning PX135 a.sh:1:15+1: `a` needs `b`, but comes before it in `execution_order`"]
    assert notes(project, "a.sh", "b.sh", "c.sh") == [["a.sh:1:15+1", "a.sh:1:15+1", "deps.json:1:22+3"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "PX136 deps.json:1:1+2: expected an object in the dependency graph"),
        ("", "PX106 deps.json:1:1+1: "),
        ('{"workflows": []}', "PX136 deps.json:1:15+2: expected an object in the dependency graph"),
        ('{"workflows": {"a": "a.sh"}}', "PX136 deps.json:1:21+6: expected an object in the dependency graph"),
        ('{"workflows": {"a": {"path": 1}}}', "PX136 deps.json:1:30+1: expected a path in the dependency graph"),
        ('{"dependencies": {"a": "b"}}', "PX136 deps.json:1:24+3: expected a list of names in the dependency graph"),
        (
            '{"dependencies": {"a": [["b"]]}}',
            "PX136 deps.json:1:25+5: expected the name of a workflow in the dependency graph",
        ),
        ('{"execution_order": "a"}', "PX136 deps.json:1:21+3: expected a list of names in the dependency graph"),
        ('{"workflows": {"x": {}}}', "PX136 deps.json:1:16+3: `x` has no path in the dependency graph"),
        ('{"workflows": {"x": {"path": "x.sh"}}}', "PX130 deps.json:1:30+6: `x.sh` does not exist, the file of `x`"),
        ('{"workflows": {"x y": {"path": "a.sh"}, "x_y": {}}}', "PX135 deps.json:1:16+5: "),
        ('{"dependencies": {"a": [], "a": ["b"]}}', "PX104 deps.json:1:28+3: "),
    ],
)
def test_what_is_not_a_graph_is_reported(project: Project, text: str, expected: str) -> None:
    lines = reported(project.file("deps.json", text).found("a.sh", "b.sh", graph="deps.json"))
    assert lines[0].startswith(f"error {expected}"), lines


def test_two_names_of_the_graph_that_become_one_are_reported(project: Project) -> None:
    project.file("deps.json", graph({"a b": {"path": "a.sh"}, "a_b": {"path": "b.sh"}}))
    assert reported(project.found(graph="deps.json")) == [
        "error PX131 deps.json:1:41+5: `a b` and `a_b` in the dependency graph have the same name"
    ]


def test_a_graph_that_does_not_exist_or_says_nothing_is_an_error(project: Project) -> None:
    assert reported(project.found(graph="none.json")) == ["error PX130 nowhere: `none.json` does not exist"]
    assert reported(project.file("deps.json", "{}").found(graph="deps.json")) == [
        "error PX136 deps.json:1:1+1: no workflows in `deps.json`"
    ]


def test_the_graph_is_not_written(project: Project) -> None:
    text = graph({"a": {"path": "a.sh", "status": "SUCCESS"}}, {"a": []})
    project.file("deps.json", text).found("a.sh", "b.sh", graph="deps.json")
    assert (project.folder / "deps.json").read_text() == text
