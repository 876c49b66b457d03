"""A secret has one source and no value."""

from __future__ import annotations

import pytest
from support.manifests import loaded, told

from orchestrator.manifest.secret_keys import Secret

HINT = "say where its value is found, such as `{env: T}`; the value itself never stands in a manifest"


def manifest(secrets: str, names: str = "[T]") -> str:
    return f"version: 1\nsecrets: {secrets}\nworkflows: {{a: {{run: x, secrets: {names}}}}}\n"


def test_each_source_is_read() -> None:
    found = loaded(manifest("{A: {env: B}, C: {file: ~/d}, E: {command: [f, g], allow_short: true}}", "A")).manifest
    assert found is not None
    assert found.secrets == {
        "A": Secret(env="B"),
        "C": Secret(file="~/d"),
        "E": Secret(command=("f", "g"), allow_short=True),
    }
    assert found.workflows["a"].secrets == ("A",)


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ("{T: hunter2}", f"PX112 2:14+7 `secrets.T` must be a mapping, not text | {HINT}"),
        ("{T: {}}", "PX111 2:11+1 `secrets.T`: a secret needs a source | add `env`, `file` or `command`"),
        (
            "{T: {allow_short: true}}",
            "PX111 2:11+1 `secrets.T`: a secret needs a source | add `env`, `file` or `command`",
        ),
        (
            "{T: {env: A, file: b}}",
            "PX118 2:14+17 `secrets.T`: `env` and `file` exclude each other | keep the one that is meant",
        ),
        (
            "{T: {value: A}}",
            "PX110 2:15+5 unknown key `value` in `secrets.T` | known here: `env`, `file`, `command`, `allow_short`",
        ),
        ("{T: {envv: A}}", "PX110 2:15+4 unknown key `envv` in `secrets.T` | did you mean `env`?"),
        ("{T: {env: 3}}", "PX117 2:20+1 `secrets.T.env` must be text, not a number | put it in quotes"),
        ("{T: }", "PX112 2:14+1 `secrets.T` has no value | write one, or remove the key"),
        (
            "{T: {command: vault}}",
            "PX112 2:24+5 `secrets.T.command` must be a list, not text | write it as a list: `[one, two]`",
        ),
    ],
)
def test_a_faulty_secret_is_told_once_and_workflows_that_name_it_are_not(secrets: str, said: str) -> None:
    assert told(manifest(secrets)) == [said]


def test_a_list_of_names_alone_is_told_what_is_missing() -> None:
    assert told(manifest("[T]", "[]")) == [
        "PX112 2:10+3 `secrets` must be a mapping, not a list"
        " | name each secret with the place of its value: `secrets: {TOKEN: {env: TOKEN}}`"
    ]


def test_the_name_of_a_secret_is_that_of_a_variable() -> None:
    assert [line.split(" | ")[0] for line in told(manifest("{T-1: {env: A}}", "T-2"))] == [
        "PX116 2:11+3 `T-1` is not a valid name in `secrets`",
        "PX116 3:34+3 `T-2` is not a valid name in `secrets` of workflow `a`",
    ]
