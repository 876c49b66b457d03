"""`pexec schema` prints what `schemas/` holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from support.cli import Pexec

SCHEMAS = Path(__file__).parents[2] / "schemas"
FILES = {
    "manifest": "pexec.schema.json",
    "events": "events.schema.json",
    "results": "results.schema.json",
    "plan": "plan.schema.json",
}


@pytest.mark.parametrize("name", FILES)
def test_a_schema_is_printed_as_the_repository_holds_it(pexec: Pexec, name: str) -> None:
    pexec.run("schema", name).said(stdout=(SCHEMAS / FILES[name]).read_text())


@pytest.mark.parametrize("name", FILES)
def test_a_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(json.loads((SCHEMAS / FILES[name]).read_text()))


def test_without_a_name_it_is_the_manifests(pexec: Pexec) -> None:
    assert pexec.run("schema") == pexec.run("schema", "manifest")


def test_a_schema_that_does_not_exist_is_wrong_usage(pexec: Pexec) -> None:
    pexec.run("schema", "plans").said(
        exit_code=2,
        stderr="error: argument NAME: expected one of `manifest`, `events`, `results`, `plan`, found `plans`\n"
        "  = help: see `pexec schema --help`\n",
    )


def test_a_plan_keeps_to_its_schema(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml", "version: 1\nworkflows: {a: {run: x}, b: {needs: a, argv: [x], retry: {max_attempts: 2}}}\n"
    )
    plan = json.loads(pexec.run("plan", "--format", "json").stdout)
    schema = json.loads(pexec.run("schema", "plan").stdout)
    Draft202012Validator(schema).validate(plan)
