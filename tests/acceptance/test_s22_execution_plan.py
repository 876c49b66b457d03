"""S22: `execution_plan.json` has exactly the runbook's keys, consistent counts, and matches its schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jsonschema import Draft202012Validator
from support.cli import Pexec
from support.runs import last_run

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/execution_plan.schema.json").read_text())
MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 3}
workflows:
  'a': {run: 'exit 1', description: 'says "no" \\ {'}
  'b.c': {matrix: {x: ['"', "e\\u00e9"]}, run: echo}
  'd': {needs: [a, b.c], run: echo}
"""


def test_it_is_exact_even_when_the_run_fails(pexec: Pexec) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 1
    plan = last_run(pexec.folder).check().json("execution_plan.json")
    Draft202012Validator(SCHEMA).validate(plan)
    created = plan.pop("plan_created")
    assert created.endswith("Z")
    assert before <= datetime.fromisoformat(created) <= datetime.now(UTC) + timedelta(seconds=1)
    assert plan == {
        "total_groups": 2,
        "max_parallel_jobs": 3,
        "execution_groups": [
            {"group_id": 1, "workflows": ["a", 'b.c[x="]', "b.c[x=eé]"]},
            {"group_id": 2, "workflows": ["d"]},
        ],
    }


def test_the_flag_for_parallel_jobs_is_used(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "-j", "1").exit_code == 1
    assert last_run(pexec.folder).json("execution_plan.json")["max_parallel_jobs"] == 1


def test_its_schema_is_closed() -> None:
    good = {"plan_created": "2026-01-01T00:00:00.000000Z", "total_groups": 0, "max_parallel_jobs": 1}
    validator = Draft202012Validator(SCHEMA)
    assert validator.is_valid({**good, "execution_groups": []})
    assert not validator.is_valid(good)
    assert not validator.is_valid({**good, "execution_groups": [], "more": 1})
    assert not validator.is_valid({**good, "execution_groups": [{"group_id": 1}]})
