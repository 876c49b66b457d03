"""The files that go with the plan of a run: dependencies and execution plan."""

from __future__ import annotations

import jsonschema
from hypothesis import given
from support.dags import plans
from support.planning import file_facts, good_plan

from orchestrator.plan.export import dependencies_dict, execution_plan_fields
from orchestrator.plan.json_stream import as_dict
from orchestrator.plan.model import Plan
from orchestrator.plan.schema import execution_plan_schema

TEXT = """
    policy: {max_parallel_jobs: 2}
    workflows:
      publish: {file: publish.sh, needs: [build, test], after: [lint]}
      build: {run: build}
      lint: {run: lint}
      test: {run: test, needs: [build]}
"""


def small() -> Plan:
    return good_plan(TEXT, files={"publish.sh": file_facts()})


def test_dependencies_name_each_jobs_source_status_and_needs_and_one_order() -> None:
    assert dependencies_dict(small(), {"build": "SUCCESS", "test": "FAILED"}) == {
        "workflows": {
            "publish": {"path": "publish.sh", "status": "PENDING"},
            "build": {"path": "pexec.yaml", "status": "SUCCESS"},
            "lint": {"path": "pexec.yaml", "status": "PENDING"},
            "test": {"path": "pexec.yaml", "status": "FAILED"},
        },
        "dependencies": {"publish": ["build", "test"], "build": [], "lint": [], "test": ["build"]},
        "execution_order": ["build", "lint", "test", "publish"],
    }


def test_an_execution_plan_has_the_levels_as_groups() -> None:
    assert as_dict(execution_plan_fields(small(), "2026-11-22T10:00:00Z")) == {
        "plan_created": "2026-11-22T10:00:00Z",
        "total_groups": 3,
        "max_parallel_jobs": 2,
        "execution_groups": [
            {"group_id": 1, "workflows": ["build", "lint"]},
            {"group_id": 2, "workflows": ["test"]},
            {"group_id": 3, "workflows": ["publish"]},
        ],
    }


@given(plans())
def test_the_counts_of_an_execution_plan_agree_and_its_schema_holds(plan: Plan) -> None:
    data = as_dict(execution_plan_fields(plan, "2026-11-22T10:00:00Z"))
    jsonschema.validate(data, execution_plan_schema(), jsonschema.Draft202012Validator)
    groups = data["execution_groups"]
    assert [group["group_id"] for group in groups] == list(range(1, data["total_groups"] + 1))
    assert sorted(job for group in groups for job in group["workflows"]) == sorted(job.id for job in plan.jobs)
