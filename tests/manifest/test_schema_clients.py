"""The JSON Schema as other programs use it: check-jsonschema, and the language server that editors run for YAML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.language_server import MISSING, SERVER, LanguageServer

from orchestrator.app.planning import plan_manifest
from orchestrator.cli.commands.init import first_manifest
from orchestrator.manifest.model import Workflow
from orchestrator.manifest.policy_keys import PolicyKeys
from orchestrator.manifest.section import keys_of, section_type

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schemas/pexec.schema.json"
EXAMPLE = ROOT / "pexec.yaml.example"
FAULTY = sorted((ROOT / "tests/manifest/bad").glob("*.yaml"))
# What pexec refuses and a schema cannot: it looks at one value at a time, and at no file.
BEYOND_A_SCHEMA = {
    "cycle": "it does not follow names",
    "folder-as-file": "it looks at no file",
    "missing-file": "it looks at no file",
    "needs-itself": "it does not compare a value with the key above it",
    "number-for-text": "a number has no spelling in the data",
    "pool-too-small": "it does not compare two numbers",
    "unknown-need": "it does not follow names",
    "unknown-pool": "it does not follow names",
}

pytestmark = pytest.mark.clients


def check_jsonschema(*files: Path) -> set[Path]:
    """The files that check-jsonschema rejects, because they do not parse or do not match the schema."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--output-format", "json", "--default-filetype", "yaml"),
            *map(str, ("--schemafile", SCHEMA, *files)),
        ],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    told = json.loads(done.stdout)
    refused = {Path(fault["filename"]) for fault in (*told.get("errors", ()), *told.get("parse_errors", ()))}
    assert done.returncode == bool(refused)
    return refused


def code_of(file: Path) -> str:
    """The code in the first line of an invalid manifest."""
    return file.read_text().partition("\n")[0].removeprefix("# ")


def test_check_jsonschema_accepts_the_example_and_the_first_manifest(tmp_path: Path) -> None:
    first = tmp_path / "pexec.yaml"
    first.write_text(first_manifest())
    assert check_jsonschema(EXAMPLE, first) == set()


def test_check_jsonschema_refuses_what_pexec_refuses_but_for_what_no_schema_can() -> None:
    accepted = set(FAULTY) - check_jsonschema(*FAULTY)
    assert {file.stem for file in accepted} == set(BEYOND_A_SCHEMA)


@pytest.mark.parametrize("file", FAULTY, ids=lambda file: file.stem)
def test_pexec_refuses_each_invalid_manifest_by_the_code_on_its_first_line(file: Path) -> None:
    verdict = plan_manifest(os.path.relpath(file))
    assert verdict.plan is None
    assert {diagnostic.code for diagnostic in verdict.diagnostics} == {code_of(file)}


def test_there_are_enough_invalid_manifests() -> None:
    codes = {code_of(file) for file in FAULTY}
    assert len(FAULTY) > 50
    assert codes >= {f"PX{number}" for number in (102, 104, 105, *range(110, 121), 201, 202, 203, 204, 205, 206, 207)}


# --- the language server


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    if SERVER is None:
        pytest.skip(MISSING)
    with LanguageServer(SERVER, ROOT) as running:
        yield running


HEAD = "# yaml-language-server: $schema=schemas/pexec.schema.json\nversion: 1\n"


def test_an_editor_finds_nothing_wrong_with_the_example(server: LanguageServer) -> None:
    assert EXAMPLE.read_text().startswith(HEAD.partition("\n")[0])
    assert server.open(EXAMPLE.read_text()).faults() == []


@pytest.mark.parametrize(
    ("text", "line", "start", "says"),
    [
        ("workflows:\n  build:\n    run: make\n    depends_on: [fetch]\n", 5, 4, "Property depends_on is not allowed."),
        ("workflows:\n  build:\n    run: make\n    when: allways\n", 5, 10, "Value is not accepted. Valid values:"),
        ("policy: {fail_fast: 3}\nworkflows:\n  build:\n    run: make\n", 2, 20, ""),
    ],
)
def test_an_editor_reports_errors_at_their_place(
    server: LanguageServer, text: str, line: int, start: int, says: str
) -> None:
    faults = server.open(HEAD + text).faults()
    assert [(fault["range"]["start"]["line"], fault["range"]["start"]["character"]) for fault in faults] == [
        (line, start)
    ]
    assert faults[0]["message"].startswith(says)


def test_an_editor_knows_merge_keys_and_keys_that_are_ignored(server: LanguageServer) -> None:
    text = "x-base: &base\n  timeout: 5m\n  env: &env {A: 0.5}\nworkflows:\n  build:\n    <<: *base\n    run: make\n"
    text += "  test:\n    <<: [*base, {retry: {max_attempts: 2}}]\n    env: {<<: *env, B: 2}\n    run: make test\n"
    assert server.open(HEAD + text).faults() == []
    (fault,) = server.open(HEAD + text.replace("timeout: 5m", "tiemout: 5m", 1)).faults()[:1]
    assert "tiemout" in fault["message"]


def test_an_editor_completes_the_keys_of_a_workflow(server: LanguageServer) -> None:
    server.open(HEAD + "workflows:\n  build:\n    run: make\n    \n")
    offered = server.completions(line=5, character=4)
    keys = set(keys_of(Workflow))
    assert offered == keys - {"run"}


def test_an_editor_completes_the_values_of_a_key(server: LanguageServer) -> None:
    server.open(HEAD + "workflows:\n  build:\n    run: make\n    when: \n")
    assert server.completions(line=5, character=10) >= {"success", "failure", "always"}


def test_an_editor_shows_what_a_key_is_for(server: LanguageServer) -> None:
    server.open(HEAD + "policy:\n  fail_fast: drain\nworkflows:\n  build:\n    run: make\n    timeout: 5m\n")
    for line, character, section, name in ((3, 4, PolicyKeys, "fail_fast"), (7, 6, Workflow, "timeout")):
        _, _, key = section_type(section).fields()[name]
        assert _plain(key.description) in _plain(server.hover(line, character))


def _plain(text: str) -> str:
    """Text without Markdown's markup."""
    return "".join(sign for sign in text if sign not in "\\`")
