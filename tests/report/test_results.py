"""results_summary.json: the names that programs rely on, and that it is always what its schema says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from support.dags import plan_of
from support.stories import Story, every_event, on_workers, sales
from support.worlds import job, plan

from orchestrator.report.fold_events import RunFold, read_report
from orchestrator.report.results import results_file, results_schema, results_summary

SCHEMA = Path(__file__).parents[2] / "schemas" / "results.schema.json"
GOLDEN = Path(__file__).parent / "golden" / "results_summary.json"
VALID = jsonschema.Draft202012Validator(results_schema())


def test_the_schema_in_schemas_is_up_to_date() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json.dumps(results_schema(), indent=2) + "\n"


def test_the_schema_is_valid_and_closed() -> None:
    schema = results_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for part in (schema, schema["properties"]["jobs"]["items"], schema["properties"]["summary"]):
        assert part["additionalProperties"] is False
        sometimes = ("outputs", "undeclared_outputs", "cache", "workers")
        always = [name for name in part["properties"] if name not in sometimes]
        assert part["required"] == always


@pytest.mark.parametrize(
    "story",
    [sales(), every_event(plan(job("a"))), Story(plan()), on_workers()],
    ids=["sales", "all", "none", "workers"],
)
def test_results_are_valid_after_each_event(story: Story) -> None:
    fold = RunFold(story.plan)
    for event in story.events:
        fold.add(event)
        report = fold.report()
        data = json.loads(results_file(report))
        VALID.validate(data)
        assert data == results_summary(report)


def test_workers_are_in_the_results_with_what_they_did() -> None:
    story = on_workers()
    first, second, third = results_summary(read_report(story.plan, story.events))["workers"]
    assert first == {
        "worker": "w1",
        "host": "node-1",
        "slots": 1,
        "joined_at_seconds": 0.0,
        "left_at_seconds": 1.0,
        "why": "its process ended",
        "attempts": 1,
        "busy_seconds": 1.0,
        "busy_share": 1.0,
    }
    assert (second["busy_share"], second["left_at_seconds"], third["attempts"]) == (0.25, None, 1)
    assert "workers" not in results_summary(read_report(sales().plan, sales().events))


def test_the_file_of_a_small_run_to_the_last_byte() -> None:
    story = sales()
    assert results_file(read_report(story.plan, story.events)) == GOLDEN.read_bytes()


@pytest.mark.cost
def test_a_file_of_many_jobs_is_whole_too() -> None:
    of = plan_of([()] * 2_500)
    data = json.loads(results_file(RunFold(of).report()))
    assert [one["job_id"] for one in data["jobs"]] == [one.id for one in of.jobs]
    VALID.validate(data)
