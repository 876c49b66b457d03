"""Every error in a manifest: its code, its place, the whole message and the help."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.manifests import reported, workflow

from orchestrator.diagnostics.model import CODES


def _cases() -> list[object]:
    """The cases of `diagnostics.txt`, each named by its line: the manifest is indented, its diagnostics are not."""
    cases: list[object] = []
    heading, line = "", 1
    for block in Path(__file__).with_name("diagnostics.txt").read_text().split("\n\n"):
        lines = block.strip("\n").split("\n")
        if lines[0].startswith("== "):
            heading = lines.pop(0).removeprefix("== ")
        manifest = "".join(f"{text[4:]}\n" for text in lines if text.startswith("    "))
        said = [text for text in lines if not text.startswith(("    ", "#"))]
        if said:
            cases.append(pytest.param(manifest, said, id=f"line {line}: {heading}"))
        line += block.count("\n") + 2
    return cases


@pytest.mark.parametrize(("manifest", "said"), _cases())
def test_all_diagnostics_are_as_expected(manifest: str, said: list[str]) -> None:
    assert reported(manifest.encode()) == said


def test_every_code_of_the_model_has_its_cases() -> None:
    told_codes = {line[:5] for line in Path(__file__).with_name("diagnostics.txt").read_text().splitlines()}
    of_the_model = {code for code in CODES if "PX110" <= code <= "PX120"}
    assert of_the_model <= told_codes


@pytest.mark.parametrize("written", ["2", '"1"', "1.0", "true", "one", "[1]", "99999999999999999999999"])
def test_only_version_1_is_read(written: str) -> None:
    assert reported(f"version: {written}\nworkflows: {{a: {{run: x}}}}\n") == [
        f"PX120 1:10+{len(written)} `version` must be 1, the only version of the format that this pexec reads"
        " | write `version: 1`"
    ]


def test_a_name_ends_where_its_text_ends() -> None:
    assert reported('version: 1\nworkflows: {"a\\n": {run: x}}\n')[0].startswith(
        "PX116 2:13+5 `a\n` is not a valid name"
    )


def test_conflicting_keys_are_reported_next_to_other_errors() -> None:
    assert reported(workflow("run: x, argv: [y], timeout: '1:30'")) == [
        "PX118 3:19+4 workflow `build`: `run` and `argv` are mutually exclusive | keep only one of them"
        " | `run` is here 3:11+3",
        "PX114 3:39+6 `timeout` of workflow `build`: `1:30` is ambiguous | write `1m30s` or `1h30m`",
    ]
    assert reported(workflow("priority: x")) == [
        "PX119 3:3+5 workflow `build` has nothing to run | add `run`, `argv` or `file`; or `needs`, for a group",
        "PX112 3:21+1 `priority` of workflow `build`: expected an integer, found text",
    ]


def test_a_key_that_was_meant_for_the_missing_one_is_reported_alone() -> None:
    assert reported(workflow("script: x")) == [
        "PX110 3:11+6 unknown key `script` in workflow `build` | pexec calls it `run`"
    ]
    assert reported("version: 1\njobs: {a: {run: x}}\n") == [
        "PX110 2:1+4 unknown key `jobs` in the manifest | pexec calls it `workflows`"
    ]


def test_a_workflow_named_like_a_section_is_a_workflow() -> None:
    lines = reported("version: 1\nworkflows: {policy: {run: x, jobs: 1}, retry: {run: x, needs: [retry, 1]}}\n")
    assert [line.split(" | the most common keys")[0] for line in lines] == [
        "PX110 2:30+4 unknown key `jobs` in workflow `policy`",
        'PX117 2:71+1 item 2 of `needs` of workflow `retry`: expected text, found a number | put it in quotes: `"1"`',
    ]


def test_a_value_of_an_alias_is_reported_at_the_alias() -> None:
    assert reported("version: 1\nworkflows:\n  a: {run: x, timeout: &t '1:30'}\n  b: {run: x, timeout: *t}\n") == [
        "PX114 3:24+9 `timeout` of workflow `a`: `1:30` is ambiguous | write `1m30s` or `1h30m`",
        "PX114 4:24+2 `timeout` of workflow `b`: `1:30` is ambiguous | write `1m30s` or `1h30m`",
    ]


def test_the_number_of_reported_errors_is_limited() -> None:
    lines = reported(workflow("run: x, " + ", ".join(f"unknown{number}: 1" for number in range(2000))))
    assert len(lines) == 100
    assert lines[0].startswith("PX110 3:19+8 unknown key `unknown0` in workflow `build`")
    assert lines[99].endswith(" | and 1,900 more like these")
    assert not any("more like these" in line for line in lines[:99])
