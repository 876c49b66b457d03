"""`--format github`: commands to GitHub's runner, from which nothing in a manifest can break out."""

from __future__ import annotations

import pytest
from support.cli import Pexec

from orchestrator.diagnostics.model import Diagnostic, Note, Severity, Span
from orchestrator.diagnostics.render_github import render_github


@pytest.fixture(autouse=True)
def _no_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)


BAD = """\
version: 1
workflows:
  build:
    needs: [tset]
    run: make
    timeout: 100%
"""


def test_each_diagnostic_is_a_command_with_its_place(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", BAD).run("validate", "--format", "github").said(
        exit_code=3,
        stdout="::error file=pexec.yaml,line=4,col=13,endColumn=17,title=PX202%3A unknown workflow in `needs` or "
        "`after`::unknown workflow `tset` in `needs` of `build`\n"
        "::error file=pexec.yaml,line=6,col=14,endColumn=18,title=PX114%3A invalid duration"
        "::`timeout` of workflow `build`: `100%25` is not a duration"
        "%0Ahelp: write seconds, or a number with a unit: `90`, `90s`, `5m`, `1h30m`, `2d`, `500ms`\n",
    )


def test_nothing_is_said_of_a_valid_manifest(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: x}}\n").run("validate", "--format=github").said()


def test_files_are_named_from_the_root_of_the_repository(pexec: Pexec) -> None:
    pexec.file("ci/pexec.yaml", "version: 1\nworkflows:\n  a: {run: x}\n  a: {run: y}\n").inside("ci")
    pexec.run("validate", "--format", "github").said(
        exit_code=3,
        stdout="::error file=ci/pexec.yaml,line=4,col=3,endColumn=4,title=PX104%3A duplicate key"
        "::duplicate key `a`%0Aci/pexec.yaml:3: first defined here"
        "%0Ahelp: remove one of them\n",
    )


def test_or_from_githubs_workspace(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 2\nworkflows: {a: {run: x}}\n").env(GITHUB_WORKSPACE=str(pexec.folder.parent))
    assert pexec.run("validate", "--format", "github").stdout.startswith("::error file=project/pexec.yaml,line=1,")


def test_a_diagnostic_without_a_place_belongs_to_its_manifest(pexec: Pexec) -> None:
    pexec.run("validate", "--format", "github", "no.yaml").said(
        exit_code=3,
        stdout="::error file=no.yaml,title=PX101%3A the manifest cannot be read::`no.yaml` does not exist\n",
    )


def test_a_warning_is_a_warning_and_notes_name_their_lines(pexec: Pexec) -> None:
    text = "version: 1\nworkflows:\n  a: {run: x}\n  b:\n    run: x\n    needs: [a, a]\n"
    pexec.file("pexec.yaml", text).run("validate", "--format", "github").said(
        stdout="::warning file=pexec.yaml,line=6,col=16,endColumn=17,title=PX208%3A duplicate dependency"
        "::`b` names `a` twice in `needs`%0Apexec.yaml:6: first named here%0Ahelp: remove one of the two\n"
    )


def test_no_text_ends_a_command_or_begins_one() -> None:
    span = Span("a,b:c%d\r\n::error::e.yaml", 1, 2, 3)
    fault = Diagnostic(
        "PX110", "x\n::error::y\x1b[2J 100%", span, (), (Note("n\r::x"),), "h\u2028::z", Severity.WARNING
    )
    assert render_github([("pexec.yaml", fault)]) == (
        "::warning file=a%2Cb%3Ac%25d␍␊%3A%3Aerror%3A%3Ae.yaml,line=1,col=2,endColumn=5,title=PX110%3A unknown key"
        "::x␊::error::y␛[2J 100%25%0An␍::x%0Ahelp: h<U+2028>::z\n"
    )
