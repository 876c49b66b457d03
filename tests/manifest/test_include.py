"""Manifests that include others: what is joined, under which names, and all errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.manifests import line

from orchestrator.diagnostics.model import Diagnostic, Severity, Span
from orchestrator.manifest import include
from orchestrator.manifest.load import load
from orchestrator.manifest.model import Defaults, Manifest
from orchestrator.manifest.nested_sections import Need
from orchestrator.manifest.read import Loaded


class Folder:
    """A directory of manifests; `version: 1` is added as the first line of each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, name: str, text: str) -> Folder:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"version: 1\n{text}")
        return self

    def load(self, name: str = "pexec.yaml") -> Loaded:
        return load(name)

    def reported(self, name: str = "pexec.yaml") -> list[str]:
        return [f"{place(found.span)} {line(found)}" for found in self.load(name).diagnostics]


def place(span: Span | None) -> str:
    return span.file if span else "nowhere"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def manifest_of(loaded: Loaded) -> Manifest:
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    return loaded.manifest


def test_workflows_params_secrets_and_pools_join_in_the_order_of_the_text(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.yaml, ci/b.yaml]\nparams: {x: {}}\nworkflows: {root: {run: r}}\n")
    folder.file("a.yaml", "policy: {pools: {gpu: 1}}\nparams: {y: {default: 1}}\nworkflows: {a: {run: a, needs: b}}\n")
    folder.file("ci/b.yaml", "include: [c.yaml]\nworkflows: {b: {run: b}}\n")
    folder.file("ci/c.yaml", "secrets: {TOKEN: {env: TOKEN}}\n")
    manifest = manifest_of(folder.load())
    assert list(manifest.workflows) == ["a", "b", "root"]
    assert list(manifest.params) == ["y", "x"]
    assert list(manifest.secrets) == ["TOKEN"]
    assert manifest.policy.pools == {"gpu": 1}


def test_a_prefix_is_put_before_the_names_of_a_manifest_and_before_the_names_in_it(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [{file: lib.yaml, prefix: lib}]\nworkflows: {x: {needs: lib.deep.y}}\n")
    folder.file(
        "lib.yaml",
        "include: [{file: deep.yaml, prefix: deep}]\n"
        "workflows:\n"
        "  x: {run: x, needs: [y, {workflow: deep.y, matrix: {a: 1}}], after: deep.y}\n"
        "  y: {run: y}\n",
    )
    folder.file("deep.yaml", "workflows: {y: {run: y, matrix: {a: [1]}}}\n")
    workflows = manifest_of(folder.load()).workflows
    assert list(workflows) == ["lib.deep.y", "lib.x", "lib.y", "x"]
    assert workflows["lib.x"].needs == ("lib.y", Need(workflow="lib.deep.y", matrix={"a": 1}))
    assert workflows["lib.x"].after == ("lib.deep.y",)
    assert workflows["x"].needs == ("lib.deep.y",)


def test_a_prefix_does_not_change_the_need_of_every_workflow(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [{file: lib.yaml, prefix: lib}]\nworkflows: {x: {run: x}}\n")
    folder.file("lib.yaml", 'workflows: {alert: {run: x, needs: "*"}}\n')
    assert manifest_of(folder.load()).workflows["lib.alert"].needs == ("*",)


def test_each_workflow_keeps_the_directory_and_the_defaults_of_its_own_manifest(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [./ci/a.yaml, ../b.yaml]\ndefaults: {timeout: 1m}\nworkflows: {r: {run: r}}\n")
    folder.file("ci/a.yaml", "include: [more/c.yaml]\ndefaults: {timeout: 2m}\nworkflows: {a: {run: a}}\n")
    folder.file("ci/more/c.yaml", "workflows: {c: {run: c}}\n")
    folder.file("../b.yaml", "workflows: {b: {run: b}}\n")
    origins = folder.load().origins
    assert {name: home.folder for name, home in origins.items()} == {"c": "ci/more", "a": "ci", "b": ".."}
    assert origins["a"].defaults == Defaults.parse({"timeout": "2m"})
    assert origins["c"].defaults == Defaults()
    assert origins["c"].path_of("run.sh") == "ci/more/run.sh"
    assert origins["c"].path_of("/run.sh") == "/run.sh"


def test_files_are_relative_to_the_directory_of_their_own_manifest(folder: Folder) -> None:
    folder.file("sub/pexec.yaml", "include: [ci/a.yaml]\nworkflows: {r: {file: r.sh}}\n")
    folder.file("sub/ci/a.yaml", "workflows: {a: {file: a.sh}}\nsecrets: {A: {file: key}, B: {file: ~/key}}\n")
    folder.file("sub/ci/a.sh", "").file("sub/r.sh", "")
    loaded = folder.load("sub/pexec.yaml")
    assert {path: facts.kind for path, facts in loaded.files.items()} == {"ci/a.sh": "script", "r.sh": "script"}
    secrets = manifest_of(loaded).secrets
    assert (secrets["A"].file, secrets["B"].file) == ("ci/key", "~/key")


def test_places_are_reported_in_the_file_where_they_are(folder: Folder) -> None:
    folder.file("sub/pexec.yaml", "include: [{file: lib.yaml, prefix: lib}]\nworkflows: {r: {run: r, retry: 3}}\n")
    folder.file("sub/lib.yaml", "workflows:\n  a: {run: 1}\n  b: {run: x, needs: [1, c, a]}\n")
    assert folder.reported("sub/pexec.yaml") == [
        "sub/pexec.yaml PX112 3:32+1 `retry` of workflow `r`: expected a mapping, found a number"
        " | write it as `{max_attempts: 3}`",
        'sub/lib.yaml PX117 3:12+1 `run` of workflow `a`: expected text, found a number | put it in quotes: `"1"`',
        "sub/lib.yaml PX117 4:23+1 item 1 of `needs` of workflow `b`: expected text, found a number"
        ' | put it in quotes: `"1"`',
    ]
    source = folder.load("sub/pexec.yaml").source
    # The first item went, and both maps still find the others.
    assert source.value(("workflows", "lib.b", "needs", 1)) == Span("sub/lib.yaml", 4, 29, 1)
    assert source.source_text(("workflows", "lib.b", "needs", 0)) == "c"
    assert set(source.texts) == {"sub/pexec.yaml", "sub/lib.yaml"}


def test_a_name_that_two_manifests_define_is_reported_at_both_places(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.yaml]\nparams: {p: {}}\nworkflows:\n  w: {run: r}\n")
    folder.file(
        "a.yaml", "params: {p: {}}\npolicy: {pools: {g: 1}}\nsecrets: {S: {env: S}}\nworkflows:\n  w: {run: a}\n"
    )
    folder.file("pexec2.yaml", "include: [a.yaml, b.yaml]\nworkflows: {r: {run: r}}\n")
    folder.file("b.yaml", "policy: {pools: {g: 2}}\nsecrets: {S: {env: S}}\n")
    assert folder.reported() == [
        "pexec.yaml PX121 5:3+1 duplicate workflow `w`"
        " | rename one of them, or include its manifest with a `prefix`"
        " | defined again here 5:3+1 | first defined here 6:3+1",
        "pexec.yaml PX121 3:10+1 duplicate parameter `p` | rename one of them"
        " | defined again here 3:10+1 | first defined here 2:10+1",
    ]
    assert [found.split(" | ")[0] for found in folder.reported("pexec2.yaml")] == [
        "b.yaml PX121 3:11+1 duplicate secret `S`",
        "b.yaml PX121 2:18+1 duplicate pool `g`",
    ]
    assert [note.span.file for note in folder.load("pexec2.yaml").diagnostics[0].notes if note.span] == [
        "b.yaml",
        "a.yaml",
    ]


def test_one_file_may_be_included_by_many_and_with_several_prefixes(folder: Folder) -> None:
    folder.file(
        "pexec.yaml", "include: [a.yaml, b.yaml, {file: common.yaml, prefix: more}]\nworkflows: {r: {run: r}}\n"
    )
    folder.file("a.yaml", "include: [common.yaml]\n").file("b.yaml", "include: [./common.yaml]\n")
    folder.file("common.yaml", "params: {p: {}}\npolicy: {pools: {g: 1}}\nworkflows: {c: {run: c}}\n")
    assert list(manifest_of(folder.load()).workflows) == ["c", "more.c", "r"]


def test_an_include_cycle_is_reported_with_every_step(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.yaml]\nworkflows: {r: {run: r}}\n")
    folder.file("a.yaml", "include:\n  - sub/b.yaml\n").file("sub/b.yaml", "include: [{file: ../a.yaml, prefix: x}]\n")
    (found,) = folder.load().diagnostics
    assert found.code == "PX108"
    assert found.message == "circular include: `a.yaml` -> `sub/b.yaml` -> `a.yaml`"
    assert found.span == Span("sub/b.yaml", 2, 18, 9)
    assert [(note.message, note.span) for note in found.notes] == [
        ("`a.yaml` includes `sub/b.yaml`", Span("a.yaml", 3, 5, 10)),
        ("`sub/b.yaml` includes `a.yaml`", Span("sub/b.yaml", 2, 18, 9)),
    ]


def test_a_manifest_that_includes_itself_is_reported(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [pexec.yaml]\nworkflows: {r: {run: r}}\n")
    os.symlink("pexec.yaml", "link.yaml")
    assert folder.reported() == folder.reported() != []
    assert [found.message for found in folder.load("link.yaml").diagnostics] == [
        "circular include: `link.yaml` -> `link.yaml`"
    ]


def test_what_cannot_be_read_is_reported_where_it_is_included(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [gone.yaml, sub, pipe, /dev/null]\nworkflows: {r: {run: r}}\n")
    os.mkdir("sub")
    os.mkfifo("pipe")
    hint = " | paths are relative to the directory of the including manifest"
    assert folder.reported() == [
        f"pexec.yaml PX107 2:11+9 the manifest `gone.yaml` does not exist{hint}",
        "pexec.yaml PX107 2:22+3 the manifest `sub` is a directory",
        "pexec.yaml PX107 2:27+4 the manifest `pipe` cannot be read: not a regular file",
        "pexec.yaml PX107 2:33+9 the manifest `/dev/null` cannot be read: not a regular file",
    ]
    assert folder.load().incomplete


def test_a_missing_manifest_may_be_optional_but_not_an_invalid_one(folder: Folder) -> None:
    folder.file(
        "pexec.yaml",
        "include: [{file: gone.yaml, optional: true}, {file: pexec.yaml/x, optional: true},"
        " {file: a.yaml, optional: true}]\nworkflows: {r: {run: r}}\n",
    )
    folder.file("a.yaml", "workflows: [\n")
    assert [found.split(" ", 2)[:2] for found in folder.reported()] == [["a.yaml", "PX102"]]
    assert folder.load().incomplete


def test_the_policy_of_an_included_manifest_has_no_effect(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.yaml]\npolicy: {max_parallel_jobs: 2}\nworkflows: {r: {run: r}}\n")
    folder.file("a.yaml", "policy: {pools: {g: 1}, timeout: 1h, fail_fast: true}\nname: a\n")
    loaded = folder.load()
    assert [line(found) for found in loaded.diagnostics] == [
        "PX122 2:38+9 the policy of an included manifest has no effect: `fail_fast`, `timeout`"
        " | only its pools are used; the rest applies when the manifest is run by itself"
    ]
    assert loaded.diagnostics[0].severity is Severity.WARNING
    assert loaded.manifest is not None
    assert (loaded.manifest.policy.max_parallel_jobs, loaded.manifest.policy.fail_fast) == (2, False)


def test_a_manifest_and_all_that_it_includes_have_at_least_one_workflow(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.yaml]\n").file("a.yaml", "params: {p: {}}\n").file("b.yaml", "params: {}\n")
    assert folder.reported() == [
        "pexec.yaml PX111 1:1+10 no workflow is defined, neither here nor in an included manifest"
        " | define at least one workflow: `workflows: {build: {run: make}}`"
    ]
    assert folder.load().manifest is None
    assert [found.code for found in folder.load("b.yaml").diagnostics] == ["PX111"]
    folder.file("a.yaml", "workflows: {a: {run: a}}\n")
    assert list(manifest_of(folder.load()).workflows) == ["a"]


def test_errors_of_an_included_manifest_do_not_hide_the_others(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.yaml, b.yaml]\nworkflows: {r: {run: r, needs: a}}\n")
    folder.file("a.yaml", "workflows: 3\nx: 1\n").file("b.yaml", "workflows: {b: {run: b, zzz: 1}, c: 3}\n")
    loaded = folder.load()
    assert [(found.code, place(found.span)) for found in loaded.diagnostics] == [
        ("PX112", "a.yaml"),
        ("PX110", "a.yaml"),
        ("PX110", "b.yaml"),
        ("PX112", "b.yaml"),
    ]
    assert loaded.manifest is not None
    assert list(loaded.manifest.workflows) == ["b", "c", "r"]


def test_a_name_is_not_too_long_with_its_prefix(folder: Folder) -> None:
    folder.file("pexec.yaml", f"include: [{{file: a.yaml, prefix: {'p' * 60}}}]\nworkflows: {{r: {{run: r}}}}\n")
    folder.file("a.yaml", f"workflows: {{{'a' * 60}: {{run: a}}}}\n")
    (found,) = folder.reported()
    assert found.startswith("a.yaml PX116 2:13+60 the name `ppp")


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("MAX_DEPTH", 3, "PX109 2:11+6 includes are nested more than 3 levels deep"),
        ("MAX_FILES", 3, "PX109 2:11+6 more than 3 manifests are included"),
        ("MAX_BYTES", 100, "PX109 2:11+6 more than 0 MiB are included"),
        ("MAX_NODES", 20, "PX109 2:11+6 more than 20 keys and values are included"),
    ],
)
def test_including_too_much_is_reported_once(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, said: str
) -> None:
    monkeypatch.setattr(include, limit, value)
    folder.file("pexec.yaml", "include: [1.yaml]\nworkflows: {r: {run: r}}\n")
    for number in range(1, 9):
        folder.file(f"{number}.yaml", f"include: [{number + 1}.yaml]\nparams: {{p{number}: {{default: x}}}}\n")
    assert [found.split(" ", 1)[1] for found in folder.reported()] == [said]


def test_aliases_cannot_make_a_few_small_files_endless_work(folder: Folder) -> None:
    rows = "\n".join(
        f"  w{n}: &w{n} {{needs: [{', '.join(['*w' + str(n - 1)] * 9 if n else ['x'] * 9)}]}}" for n in range(5)
    )
    names = [f"{number}.yaml" for number in range(40)]
    for name in names:
        folder.file(name, f"x: {{{rows.replace(chr(10), ',')}}}\n")
    folder.file("pexec.yaml", f"include: [{', '.join(names)}]\nworkflows: {{r: {{run: r}}}}\n")
    assert folder.reported()[-1].endswith(" more than 1,000,000 keys and values are included")
    assert len(folder.reported()) < 20


def test_manifests_from_standard_input_include_from_the_current_directory(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.manifest.load import loads

    folder.file("ci/a.yaml", "workflows: {a: {run: 1}}\n")
    loaded = loads(b"version: 1\ninclude: [ci/a.yaml]\n", name="<stdin>", base_dir=os.getcwd())
    assert [place(found.span) for found in loaded.diagnostics] == ["ci/a.yaml"]


def test_a_json_manifest_may_be_included(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.json]\n")
    (folder.path / "a.json").write_text('{"version": 1, "workflows": {"a": {"run": "a"}}}')
    assert list(manifest_of(folder.load()).workflows) == ["a"]


def test_a_diagnostic_of_the_whole_is_not_lost(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.yaml]\nworkflows: {r: {run: r}, r: {run: s}}\n").file(
        "a.yaml", "params: {}\n"
    )
    assert [type(found) for found in folder.load().diagnostics] == [Diagnostic]


def test_clusters_of_an_included_manifest_have_no_effect(folder: Folder) -> None:
    folder.file("pexec.yaml", "include: [a.yaml]\nworkflows: {x: {run: x}}\n")
    folder.file("a.yaml", "clusters: {pair: {processes: 2}}\n")
    loaded = folder.load()
    assert [line(found) for found in loaded.diagnostics] == [
        "PX122 2:1+8 the clusters of an included manifest have no effect"
        " | declare them in the including manifest; these apply when this one is run by itself"
    ]
    assert loaded.manifest is not None
    assert loaded.manifest.clusters == {}
