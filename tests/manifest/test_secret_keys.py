"""A secret has one source and no value."""

from __future__ import annotations

import pytest
from support.manifests import loaded, reported

from orchestrator.manifest.secret_keys import SecretKeys

HINT = "name the source of its value, such as `{env: NAME}`; the value itself is never in a manifest"


def manifest(secrets: str, names: str = "[T]") -> str:
    return f"version: 1\nsecrets: {secrets}\nworkflows: {{a: {{run: x, secrets: {names}}}}}\n"


def test_each_source_is_read() -> None:
    found = loaded(manifest("{A: {env: B}, C: {file: ~/d}, E: {command: [f, g], allow_short: true}}", "A")).manifest
    assert found is not None
    assert found.secrets == {
        "A": SecretKeys(env="B"),
        "C": SecretKeys(file="~/d"),
        "E": SecretKeys(command=("f", "g"), allow_short=True),
    }
    assert found.workflows["a"].secrets == ("A",)


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ("{T: hunter2}", f"PX112 2:14+7 `secrets.T`: expected a mapping, found text | {HINT}"),
        ("{T: {}}", "PX111 2:11+1 `secrets.T` has no source | add `env`, `file`, `env_file` or `command`"),
        (
            "{T: {allow_short: true}}",
            "PX111 2:11+1 `secrets.T` has no source | add `env`, `file`, `env_file` or `command`",
        ),
        (
            "{T: {env: A, file: b}}",
            "PX118 2:14+17 `secrets.T`: `env` and `file` are mutually exclusive | keep only one of them",
        ),
        (
            "{T: {value: A}}",
            "PX110 2:15+5 unknown key `value` in `secrets.T`"
            " | known keys: `env`, `file`, `env_file`, `command`, `allow_short`",
        ),
        ("{T: {envv: A}}", "PX110 2:15+4 unknown key `envv` in `secrets.T` | did you mean `env`?"),
        ("{T: {env: 3}}", "PX117 2:20+1 `secrets.T.env`: expected text, found a number | put it in quotes"),
        ("{T: }", "PX112 2:14+1 `secrets.T` has no value | write one, or remove the key"),
        (
            "{T: {command: vault}}",
            "PX112 2:24+5 `secrets.T.command`: expected a list, found text | write it as a list: `[one, two]`",
        ),
    ],
)
def test_an_invalid_secret_is_reported_once_and_workflows_that_name_it_are_not(secrets: str, said: str) -> None:
    assert reported(manifest(secrets)) == [said]


def test_a_list_of_secret_names_is_reported_with_what_is_missing() -> None:
    assert reported(manifest("[T]", "[]")) == [
        "PX112 2:10+3 `secrets`: expected a mapping, found a list"
        " | name the source of each secret's value: `secrets: {TOKEN: {env: TOKEN}}`"
    ]


def test_the_name_of_a_secret_is_that_of_a_variable() -> None:
    assert [line.split(" | ")[0] for line in reported(manifest("{T-1: {env: A}}", "T-2"))] == [
        "PX116 2:11+3 `T-1` is not a valid name in `secrets`",
        "PX116 3:34+3 `T-2` is not a valid name in `secrets` of workflow `a`",
    ]
