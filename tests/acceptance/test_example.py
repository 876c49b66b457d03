"""The example that users see first is valid, can be planned and run, and leaves a complete record."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from support.cli import Pexec
from support.runs import Run, last_run

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "pexec.yaml.example").read_text()


@pytest.fixture
def run(pexec: Pexec) -> Run:
    done = pexec.file("pexec.yaml.example", EXAMPLE).run("apply", "pexec.yaml.example")
    assert done.exit_code == 0, done.stderr
    return last_run(pexec.folder).check()


def schema(name: str) -> dict[str, object]:
    return dict(json.loads((ROOT / f"schemas/{name}.schema.json").read_text()))


def test_it_runs_and_leaves_every_file_valid_against_its_schema(run: Run) -> None:
    assert {path.name for path in run.path.iterdir()} >= {
        "events.jsonl",
        "plan.json",
        "dependencies.json",
        "execution_plan.json",
        "results_summary.json",
        "execution_report.md",
        "logs",
        "status",
    }
    jsonschema.validate(run.results, schema("results"))
    jsonschema.validate(run.json("plan.json"), schema("plan"))
    validator = jsonschema.Draft202012Validator(schema("events"))
    for event in run.events:
        validator.validate(event)


def test_it_shows_retries_and_allowed_failures(run: Run) -> None:
    assert run.results["execution_result"] == "SUCCESS"
    assert run.jobs["rates"]["attempts"] == 2
    assert (run.statuses["spell-check"], run.jobs["spell-check"]["allowed"]) == ("failed", True)
    assert run.statuses["notice"] == "succeeded"
    assert b"tea" in run.log("report")


def test_the_three_regions_run_at_once_and_the_database_has_one_writer(run: Run) -> None:
    sales = [f"sales[region={region}]" for region in ("north", "south", "west")]
    assert max(run.at("attempt.started", job) for job in sales) < min(run.at("attempt.finished", job) for job in sales)
    writers, most = 0, 0
    for event in run.events:
        if str(event.get("job", "")).startswith("load["):
            writers += {"attempt.started": 1, "attempt.finished": -1}.get(event["event"], 0)
            most = max(most, writers)
    assert most == 1


def test_each_region_waits_only_for_itself_and_parameters_reach_the_jobs(pexec: Pexec) -> None:
    pexec.file("pexec.yaml.example", EXAMPLE)
    assert pexec.run("apply", "pexec.yaml.example", "load[region=south]", "--set", "sales=10").exit_code == 0
    run = last_run(pexec.folder).check()
    assert list(run.jobs) == ["prepare", "sales[region=south]", "load[region=south]"]
    assert run.log("load[region=south]") == b"south: 10 rows loaded\n"


def test_run_again_the_sales_and_the_pages_that_did_not_change_are_up_to_date(pexec: Pexec) -> None:
    pexec.file("pexec.yaml.example", EXAMPLE).file("a.md", "one two\n").file("b.md", "three\n")
    assert pexec.run("apply", "pexec.yaml.example").exit_code == 0
    pexec.file("b.md", "three four\n")
    again = pexec.run("apply", "pexec.yaml.example")
    assert again.exit_code == 0, again.stderr
    run = last_run(pexec.folder).check()
    cached = {job for job, entry in run.jobs.items() if entry["reason"] == "up to date"}
    assert cached == {*(f"sales[region={region}]" for region in ("north", "south", "west")), "words[page=a.md]"}
    assert run.log("words[page=b.md]").split() == [b"2", b"b.md"]
    assert run.log("report").startswith(b"60000 sales\n")


def test_the_files_of_the_runbook_have_its_shape(run: Run) -> None:
    plan = run.json("execution_plan.json")
    assert list(plan) == ["plan_created", "total_groups", "max_parallel_jobs", "execution_groups"]
    assert plan["total_groups"] == len(plan["execution_groups"]) == 6
    assert plan["execution_groups"][0] == {"group_id": 1, "workflows": ["prepare"]}
    dependencies = run.json("dependencies.json")
    assert list(dependencies) == ["workflows", "dependencies", "execution_order"]
    assert dependencies["dependencies"]["report"] == ["check", "rates", "spell-check"]
    assert dependencies["workflows"]["spell-check"]["status"] == "FAILED"
    order = dependencies["execution_order"]
    assert sorted(order) == sorted(dependencies["workflows"])
    assert order.index("prepare") < order.index("report") < order.index("notice")
    for job, entry in run.jobs.items():
        name = re.sub(r"[^a-z-]+", "-", job).rstrip("-")
        assert (run.path / f"status/{name}.status").read_text().strip() == entry["status"]
