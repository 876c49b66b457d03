"""The schemas of plans: what is written is what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from support.dags import plan_of, plans

from orchestrator.plan.export import plan_to_dict
from orchestrator.plan.model import Plan
from orchestrator.plan.schema import execution_plan_schema, plan_schema

SCHEMAS = Path(__file__).parents[2] / "schemas"
PLAN = jsonschema.Draft202012Validator(plan_schema())


@pytest.mark.parametrize(
    ("file", "schema"),
    [("plan", plan_schema()), ("execution_plan", execution_plan_schema())],
    ids=lambda value: str(value)[:20],
)
def test_the_files_in_schemas_are_up_to_date(file: str, schema: dict[str, Any]) -> None:
    text = (SCHEMAS / f"{file}.schema.json").read_text(encoding="utf-8")
    assert text == json.dumps(schema, indent=2) + "\n"


@pytest.mark.parametrize("schema", [plan_schema(), execution_plan_schema()])
def test_the_schemas_are_valid_and_closed(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    objects = [part for part in parts(schema) if "properties" in part]
    assert all(part["additionalProperties"] is False for part in objects)


def parts(schema: object) -> Iterator[dict[str, Any]]:
    """Every mapping in it."""
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from parts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from parts(part)


@given(plans())
def test_every_plan_keeps_the_schema(plan: Plan) -> None:
    PLAN.validate(plan_to_dict(plan))


@pytest.mark.parametrize("change", [{"extra": 1}, {"run": "a", "argv": ["a"]}, {"level": -1}, {"when": "never"}])
def test_what_is_no_plan_does_not_pass(change: dict[str, Any]) -> None:
    data = plan_to_dict(plan_of(((),)))
    data["jobs"][0] |= change
    assert not PLAN.is_valid(data)
