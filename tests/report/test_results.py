"""results_summary.json: the names that programs rely on, and that it is always what its schema says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from support.dags import plan_of
from support.stories import RUN_ID, Story, every_event, sales
from support.worlds import job, plan

from orchestrator.report.fold import RunFold, read_report
from orchestrator.report.results import results_file, results_schema, results_summary

SCHEMA = Path(__file__).parents[2] / "schemas" / "results.schema.json"
VALID = jsonschema.Draft202012Validator(results_schema())


def test_the_schema_in_schemas_is_up_to_date() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json.dumps(results_schema(), indent=2) + "\n"


def test_the_schema_is_valid_and_closed() -> None:
    schema = results_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for part in (schema, schema["properties"]["jobs"]["items"], schema["properties"]["summary"]):
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])


@pytest.mark.parametrize("story", [sales(), every_event(plan(job("a"))), Story(plan())], ids=["sales", "all", "none"])
def test_results_are_valid_after_each_event(story: Story) -> None:
    fold = RunFold(story.plan)
    for event in story.events:
        fold.add(event)
        report = fold.report()
        data = json.loads(results_file(report))
        VALID.validate(data)
        assert data == results_summary(report)


def test_the_file_has_one_job_a_line() -> None:
    story = Story(plan(job("a"), job("b"), max_parallel_jobs=2))
    story.start("a", 0.0)
    story.end("a", 0.5, exit_code=0, enforced_by={})
    story.settle("b", 0.5, "skipped", "a “reason”")
    story.finish(0.5, "FAILED", 1)
    assert results_file(read_report(story.plan, story.events)).decode() == (
        """{
  "run_id": "%s",
  "name": "world",
  "execution_timestamp": "2026-01-02T03:04:05.000000Z",
  "execution_result": "FAILED",
  "exit_code": 1,
  "max_parallel_jobs": 2,
  "fail_fast": false,
  "degraded": [],
  "jobs": [
    {"job_id":"a","pid":5002,"status":"SUCCESS","execution_time_seconds":0.5,"log_file":"logs/a.1.log","exit_code":0,"""
        """"signal":null,"attempts":1,"reason":"","allowed":false,"started_at":"2026-01-02T03:04:05.000000Z","""
        """"finished_at":"2026-01-02T03:04:05.500000Z","cpu_seconds":0.25,"max_rss_bytes":3145728,"log_bytes":100,"""
        """"dropped_bytes":0,"leftover_killed":0,"enforced_by":{}},
    {"job_id":"b","pid":null,"status":"SKIPPED","execution_time_seconds":0.0,"log_file":null,"exit_code":null,"""
        """"signal":null,"attempts":0,"reason":"a “reason”","allowed":false,"started_at":null,"""
        """"finished_at":"2026-01-02T03:04:05.500000Z","cpu_seconds":0.0,"max_rss_bytes":0,"log_bytes":0,"""
        """"dropped_bytes":0,"leftover_killed":0,"enforced_by":{}}
  ],
  "summary": {
    "total_jobs": 2,
    "successful_jobs": 1,
    "failed_jobs": 0,
    "timed_out_jobs": 0,
    "lost_jobs": 0,
    "skipped_jobs": 1,
    "cancelled_jobs": 0,
    "unfinished_jobs": 0,
    "allowed_failures": 0,
    "retries": 0,
    "success_rate": 0.5,
    "total_execution_time_seconds": 0.5,
    "average_execution_time_seconds": 0.25,
    "wall_time_seconds": 0.5,
    "speed_up": 1.0,
    "utilisation": 0.5,
    "critical_path_seconds": 0.5,
    "critical_path": [
      "a"
    ]
  }
}
"""
        % RUN_ID
    )


def test_a_file_of_many_jobs_is_whole_too() -> None:
    of = plan_of([()] * 2_500)
    data = json.loads(results_file(RunFold(of).report()))
    assert [one["job_id"] for one in data["jobs"]] == [one.id for one in of.jobs]
    VALID.validate(data)
