"""`pexec graph`: what waits for what, in every form, and with the outcome of a run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from support.cli import Pexec
from support.noting_browser import noting_browser
from support.planning import good_plan

from orchestrator.cli.graph.dot import render_dot
from orchestrator.cli.graph.tree import DEEPEST, render_tree
from orchestrator.plan.model import JobSpec, Plan, PlannedJob, Policy
from orchestrator.report.mermaid import render_mermaid
from orchestrator.report.status import Status

MANIFEST = """\
version: 1
name: nightly
workflows:
  fetch: {run: "true"}
  build: {needs: fetch, run: "true"}
  lint: {needs: fetch, run: exit 3}
  test: {needs: [lint, build], run: "true"}
  all: {needs: [build]}
  tidy: {after: [test, lint], needs: fetch, run: "true"}
  alone: {run: "true"}
"""
TREE = """\
nightly: 7 jobs in 4 levels

fetch
├─ build
│  └─ all
└─ lint
   └─ test     also needs build
      └─ tidy  needs fetch; after test, lint
alone
"""
TREE_OF_RUN = """\
nightly: 7 jobs in 4 levels

fetch          succeeded
├─ build       succeeded
│  └─ all      succeeded
└─ lint        failed
   └─ test     skipped    also needs build
      └─ tidy  succeeded  needs fetch; after test, lint
alone          succeeded
"""
DOT = """\
digraph "nightly" {
  rankdir=LR
  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#8a8f98", fontname="sans-serif"]
  edge [color="#8a8f98"]
  n0 [label="fetch"]
  n1 [label="build"]
  n2 [label="lint"]
  n3 [label="test"]
  n4 [label="all", shape=ellipse]
  n5 [label="tidy"]
  n6 [label="alone"]
  n0 -> n1
  n0 -> n2
  n2 -> n3
  n1 -> n3
  n1 -> n4
  n0 -> n5
  n3 -> n5 [style=dashed]
  n2 -> n5 [style=dashed]
}
"""
MERMAID = """\
flowchart LR
  n0["fetch"]
  n1["build"]
  n2["lint"]
  n3["test"]
  n4(["all"])
  n5["tidy"]
  n6["alone"]
  n0 --> n1
  n0 --> n2
  n2 --> n3
  n1 --> n3
  n1 --> n4
  n0 --> n5
  n3 -.-> n5
  n2 -.-> n5
"""
EVIL_NAMES = [
    'a"b', "a\\", "a\\nb", "a&amp;b", "<b>x</b>", "a]b[c", "x --> y", "end", "%% x", "#35;", "a;b", "`x`",
    "日本 \U0001f600", "a\nb", "\x1b[2J", "\u202ex", "\udcff", "test[os=a b,py=3.11]", "{x}", "|x|", "1. x", "- x",
]  # fmt: skip


def plan_of(*names: str) -> Plan:
    """A chain of jobs with these ids."""
    jobs = tuple(
        PlannedJob(
            index=index, id=name, workflow=name, spec=JobSpec(run=":"), needs=(index - 1,) if index else (), level=index
        )
        for index, name in enumerate(names)
    )
    return Plan("p", "pexec.yaml", "/p", Policy(), jobs, tuple((index,) for index in range(len(jobs))))


@pytest.mark.parametrize(("form", "expected"), [("text", TREE), ("dot", DOT), ("mermaid", MERMAID)])
def test_a_manifest_is_drawn(pexec: Pexec, form: str, expected: str) -> None:
    pexec.file("pexec.yaml", MANIFEST).run("graph", "--format", form).said(stdout=expected)
    pexec.run("graph", "-", f"--format={form}", stdin=MANIFEST).said(stdout=expected)


def test_text_is_the_default(pexec: Pexec) -> None:
    pexec.file("ci/nightly.yaml", MANIFEST).run("graph", "ci/nightly.yaml").said(stdout=TREE)


def test_json_has_nodes_and_edges(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", MANIFEST).run("graph", "--format", "json")
    graph = json.loads(said.stdout)
    assert graph["name"] == "nightly"
    assert graph["nodes"][4] == {"id": "all", "workflow": "all", "level": 2, "group": True, "status": None}
    assert [node["id"] for node in graph["nodes"]] == ["fetch", "build", "lint", "test", "all", "tidy", "alone"]
    assert graph["edges"] == [
        {"from": "fetch", "to": "build", "kind": "needs"},
        {"from": "fetch", "to": "lint", "kind": "needs"},
        {"from": "lint", "to": "test", "kind": "needs"},
        {"from": "build", "to": "test", "kind": "needs"},
        {"from": "build", "to": "all", "kind": "needs"},
        {"from": "fetch", "to": "tidy", "kind": "needs"},
        {"from": "test", "to": "tidy", "kind": "after"},
        {"from": "lint", "to": "tidy", "kind": "after"},
    ]


def test_a_run_is_drawn_with_the_status_of_each_job(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 1
    pexec.file("pexec.yaml", "the run has its own plan")
    pexec.run("graph", "--run").said(stdout=TREE_OF_RUN)
    run_id = sorted(path.name for path in (pexec.folder / ".pexec/runs").iterdir() if path.is_dir())[-1]
    for words in (["--run", run_id], ["--run", run_id[:13]], [f"--run={run_id}"]):
        pexec.run("graph", *words).said(stdout=TREE_OF_RUN)
    dot = pexec.run("graph", "--run", "--format=dot").stdout
    assert '  n2 [label="lint\\nfailed", fillcolor="#fadbdb", color="#d64545"]\n' in dot
    assert '  n4 [label="all\\nsucceeded", shape=ellipse, fillcolor="#d5f0e0", color="#2a9d5b"]\n' in dot
    mermaid = pexec.run("graph", "--run", "--format=mermaid").stdout
    assert '  n2["lint<br/>failed"]\n' in mermaid
    assert "  classDef failed fill:#fadbdb,stroke:#d64545,color:#1f2328\n  class n2 failed\n" in mermaid
    nodes = json.loads(pexec.run("graph", "--run", "--format=json").stdout)["nodes"]
    assert [node["status"] for node in nodes] == [
        "SUCCESS", "SUCCESS", "FAILED", "SKIPPED", "SUCCESS", "SUCCESS", "SUCCESS",
    ]  # fmt: skip


def test_a_terminal_sees_outcomes_in_colour(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).run("apply")
    lines = pexec.env(FORCE_COLOR="1").run("graph", "--run").stdout.splitlines()
    assert lines[2] == "fetch          \x1b[32msucceeded\x1b[0m"
    assert lines[6] == "   └─ test     \x1b[2mskipped\x1b[0m    \x1b[2malso needs build\x1b[0m"


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_colour(status: Status) -> None:
    plan = plan_of("a")
    assert re.fullmatch(
        rf"a  \x1b\[\d+m{status.words}\x1b\[0m", render_tree(plan, [status], colour=True).splitlines()[2]
    )
    assert 'fillcolor="#' in render_dot(plan, [status]).splitlines()[4]
    assert f"  class n0 {status.lower()}\n" in render_mermaid(plan, [status])


def test_what_follows_the_statuses_is_aligned() -> None:
    plan = good_plan(
        "workflows: {a: {run: a}, b: {run: b, needs: a}, c: {run: c, needs: [a, b]}, d: {run: d, after: [b, c]}}"
    )
    lines = render_tree(plan, ["SUCCESS", "FAILED", "SKIPPED", "SUCCESS"]).splitlines()
    assert lines[4].endswith("  skipped    also needs a")
    assert lines[5].endswith("  succeeded  after b, c")


def test_errors_are_reported_and_nothing_is_drawn(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", "version: 2\nworkflows: {a: {run: x}}\n").run("graph")
    assert (said.exit_code, said.stdout) == (3, "")
    assert said.stderr.startswith("error[PX120]: ")


def test_the_last_run_of_a_manifest_is_drawn_where_both_are_named(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 1
    other = "version: 1\nname: other\nworkflows:\n  other: {run: 'true'}\n"
    assert pexec.file("other.yaml", other).run("apply", "other.yaml").exit_code == 0
    pexec.run("graph", "pexec.yaml", "--run").said(stdout=TREE_OF_RUN)
    pexec.run("graph", "-f", "other.yaml", "--run").said(stdout="other: 1 job in 1 level\n\nother  succeeded\n")
    first, second = sorted(path.name for path in (pexec.folder / ".pexec/runs").iterdir() if path.is_dir())
    pexec.run("graph", "other.yaml", "--run", second).said(stdout="other: 1 job in 1 level\n\nother  succeeded\n")
    pexec.run("graph", "other.yaml", "--run", first).said(
        exit_code=2,
        stderr=f"error: run `{first}` is not a run of `other.yaml`\n  = help: name only one of them\n",
    )
    pexec.file("third.yaml", other).run("graph", "third.yaml", "--run").said(
        exit_code=2,
        stderr="error: no runs of `third.yaml` in `.pexec/runs`\n"
        "  = help: `pexec apply` starts one; `pexec runs` lists all\n",
    )
    assert pexec.run("graph", "-", "--run").exit_code == 2


def test_svg_is_a_picture_of_its_own_with_names_and_outcomes(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 1
    root = ElementTree.fromstring(pexec.run("graph", "--format", "svg").stdout)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")] == [
        "fetch", "build", "lint", "test", "all", "tidy", "alone",
    ]  # fmt: skip
    assert not [one for one in root.iter() if "href" in "".join(one.attrib)]
    drawn = ElementTree.fromstring(pexec.run("graph", "--run", "--format", "svg").stdout)
    titles = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[:3] == [
        "nightly: 7 jobs in 4 levels",
        "fetch: succeeded",
        "build: succeeded, needs fetch",
    ]
    assert "tidy: succeeded, needs fetch, after test lint" in titles
    kinds = [one.attrib["class"] for one in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert kinds == ["node ok", "node ok", "node bad", "node off", "node ok", "node ok", "node ok"]
    edges = [one.attrib["class"] for one in drawn.iter("{http://www.w3.org/2000/svg}path") if "class" in one.attrib]
    assert (edges.count("edge"), edges.count("edge soft")) == (6, 2)


@pytest.mark.parametrize(
    ("file", "start"),
    [
        ("g.svg", "<svg "),
        ("g.dot", "digraph "),
        ("g.mmd", "flowchart "),
        ("g.json", "{"),
        ("g.txt", "nightly: "),
        ("d", "nightly: "),
    ],
)
def test_a_drawing_goes_to_the_file_whose_name_implies_its_format(pexec: Pexec, file: str, start: str) -> None:
    pexec.file("pexec.yaml", MANIFEST).file("d/keep", "").run("graph", "-o", file).said()
    path = pexec.folder / ("d/graph.txt" if file == "d" else file)
    assert path.read_text().startswith(start)
    pexec.run("graph", "-o", file).said()  # it may be replaced
    path.unlink()
    path.symlink_to("elsewhere")
    said = pexec.run("graph", "-o", str(path.relative_to(pexec.folder)))
    assert (said.exit_code, said.stderr.splitlines()[0]) == (
        4,
        f"error[PX407]: `{path.relative_to(pexec.folder)}` is a link",
    )


def test_a_very_large_graph_is_folded_by_level(pexec: Pexec) -> None:
    jobs = "".join(
        f"  j{number}: {{run: x{f', needs: j{number % 2}' if number > 1 else ''}}}\n" for number in range(1600)
    )
    drawn = pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{jobs}").run("graph", "--format", "svg").stdout
    texts = [one.text for one in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["1598", "Level 1", "2 jobs", "Level 2", "1598 jobs"]


def test_an_unknown_run_is_wrong_usage(pexec: Pexec) -> None:
    assert pexec.run("graph", "--run", "2020").exit_code == 2


def test_a_tree_that_is_too_deep_is_continued_below_at_the_left() -> None:
    names = [f"job{number}" for number in range(2 * DEEPEST + 3)]
    lines = render_tree(plan_of(*names)).splitlines()[2:]
    assert [re.sub(r"\W", "", line.partition("continued below")[0]) for line in lines] == [
        *names[: DEEPEST + 1],
        *names[DEEPEST : 2 * DEEPEST + 1],
        *names[2 * DEEPEST :],
    ]
    assert sum(line.endswith("continued below") for line in lines) == 2
    assert [line for line in lines if line.startswith("job")] == ["job0", f"job{DEEPEST}", f"job{2 * DEEPEST}"]


def test_a_thousand_jobs_in_a_chain_are_drawn() -> None:
    plan = plan_of(*(f"j{number}" for number in range(5000)))
    assert render_tree(plan).count("\n") > 5000
    assert len(render_dot(plan)) < 500_000
    assert len(render_mermaid(plan)) < 500_000


def test_many_names_are_cut_short() -> None:
    workflows = "".join(f"  w{number}: {{run: x}}\n" for number in range(12))
    plan = good_plan(f"workflows:\n{workflows}  end: {{needs: [{', '.join(f'w{n}' for n in range(12))}], run: x}}\n")
    (line,) = (line for line in render_tree(plan).splitlines() if "end" in line)
    assert line == "└─ end  also needs w1, w2, w3, w4, w5, w6, 5 more"


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_no_name_is_more_than_a_label(name: str) -> None:
    plan = plan_of(name, "last")
    assert render_tree(plan).count("\n") == 4
    dot = render_dot(plan).splitlines()
    assert len(dot) == 8
    assert re.fullmatch(r'  n0 \[label="(?:[^"\\]|\\["\\])*"\]', dot[4])
    mermaid = render_mermaid(plan).splitlines()
    assert len(mermaid) == 4
    assert re.fullmatch(r'  n0\["(?:[\w .=,-]|#\d+;)*"\]', mermaid[1])
    assert (render_tree(plan) + render_dot(plan) + render_mermaid(plan)).replace("\n", "").isprintable()


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", EVIL_NAMES)
def test_graphviz_draws_any_name_as_it_is(name: str) -> None:
    drawn = subprocess.run(
        ["dot", "-Tsvg"], input=render_dot(plan_of(name, "last")).encode(), capture_output=True, timeout=60, check=True
    )
    assert drawn.stderr == b""
    texts = [element.text for element in ElementTree.fromstring(drawn.stdout).iter("{http://www.w3.org/2000/svg}text")]
    shown = render_tree(plan_of(name, "last")).splitlines()[2]
    assert [(text or "").replace("\xa0", " ") for text in texts] == [shown, "last"]


def test_a_file_whose_extension_implies_no_format_is_refused(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).file("out.d/keep", "")
    for file in ("x.png", "out.d/x.JPEG"):
        pexec.run("graph", "-o", file).said(
            exit_code=2,
            stderr=f"error: the extension of `{file}` implies no format\n"
            "  = help: use `.txt`, `.svg`, `.dot`, `.mmd`, `.json`, `.gv` or `.mermaid`, or choose a format with "
            "`--format`\n",
        )
        assert not (pexec.folder / file).exists()
    pexec.run("graph", "--format", "svg", "-o", "x.png").said()
    pexec.run("graph", "-o", "out.d").said()
    assert (pexec.folder / "out.d/graph.txt").read_text().startswith("nightly: 7 jobs")


def test_open_shows_a_picture_in_a_browser(pexec: Pexec, tmp_path: Path) -> None:
    opened = noting_browser(pexec)
    pexec.env(TMPDIR=str(tmp_path)).file("pexec.yaml", MANIFEST)
    pexec.run("graph", "--open", "-o", "g.svg").said(stdout="g.svg\n")
    assert opened.read_text() == f"file://{pexec.folder}/g.svg"
    said = pexec.run("graph", "--open")
    path = Path(said.stdout.rstrip("\n"))
    assert (said.exit_code, path.name, path.parent.parent) == (0, "graph.svg", tmp_path)
    assert path.read_bytes() == (pexec.folder / "g.svg").read_bytes()
    assert opened.read_text() == f"file://{path}"
    said = pexec.run("graph", "--open", "-o", "g.dot")
    assert (said.exit_code, said.stderr.splitlines()[0]) == (2, "error: `--open` opens a picture, not `dot`")
    assert pexec.env(BROWSER="/nonexistent").run("graph", "--open", "-o", "g.svg").exit_code == 4
