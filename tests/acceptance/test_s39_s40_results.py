"""S39, S40: `results_summary.json` has the runbook's keys with real types, every planned job, and correct sums."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from support.cli import Pexec
from support.runs import Run, last_run

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/results.schema.json").read_text())
MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 2, fail_fast: drain}
defaults: {shell: [sh, -eu]}
workflows:
  good: {run: sleep 0.2}
  odd: {run: exit 3, allow_failure: true}
  bad: {needs: [good, odd], run: 'echo "quote\\" and ☃"; exit 1'}
  behind: {needs: bad, run: ':'}
  other: {needs: bad, when: always, run: ':'}
"""


def results(pexec: Pexec, text: str, exit_code: int, *flags: str) -> Run:
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet", *flags).exit_code == exit_code
    run = last_run(pexec.folder).check()
    jsonschema.Draft202012Validator(SCHEMA).validate(run.results)
    return run


def test_the_keys_of_the_runbook_have_real_types(pexec: Pexec) -> None:
    run = results(pexec, MANIFEST, 1)
    data = run.results
    assert (data["execution_result"], data["max_parallel_jobs"], data["fail_fast"]) == ("FAILED", 2, "drain")
    assert data["execution_timestamp"].endswith("Z")
    assert [job["job_id"] for job in data["jobs"]] == ["good", "odd", "bad", "behind", "other"]
    for job in data["jobs"]:
        assert {"job_id", "pid", "status", "execution_time_seconds", "log_file"} <= job.keys()
    bad = run.jobs["bad"]
    assert (run.path / bad["log_file"]).read_text() == 'quote" and ☃\n'
    assert isinstance(bad["pid"], int)
    assert isinstance(bad["execution_time_seconds"], float)
    assert (run.jobs["behind"]["pid"], run.jobs["behind"]["log_file"]) == (None, None)


def test_the_sums_are_those_of_the_jobs(pexec: Pexec) -> None:
    run = results(pexec, MANIFEST, 1)
    summary, jobs = run.results["summary"], run.results["jobs"]
    total = sum(job["execution_time_seconds"] for job in jobs)
    counts = {name: summary[f"{name}_jobs"] for name in ("total", "successful", "failed", "skipped", "cancelled")}
    assert counts == {"total": 5, "successful": 2, "failed": 1, "skipped": 1, "cancelled": 0}
    assert (summary["allowed_failures"], summary["success_rate"]) == (1, 0.4)
    assert summary["total_execution_time_seconds"] == pytest.approx(total, abs=0.001)
    assert summary["average_execution_time_seconds"] == pytest.approx(total / 5, abs=0.001)
    wall = summary["wall_time_seconds"]
    assert wall == pytest.approx(run.named("run.finished")[0]["wall_seconds"], abs=0.001)
    assert summary["speed_up"] == pytest.approx(total / wall, rel=0.02)
    assert summary["utilisation"] == pytest.approx(total / wall / 2, rel=0.02)
    assert summary["critical_path"][0] == "good"
    assert "bad" in summary["critical_path"]


def test_without_jobs_everything_is_zero(pexec: Pexec) -> None:
    run = results(pexec, "version: 1\nworkflows: {a: {run: ':', if: {env.NEVER_SET: x}}}\n", 0, "--allow-empty")
    assert (run.results["execution_result"], run.results["jobs"]) == ("SUCCESS", [])
    numbers = {name: value for name, value in run.results["summary"].items() if name != "wall_time_seconds"}
    assert {name for name, value in numbers.items() if value not in (0, [])} == set()


def test_report_prints_the_same_object(pexec: Pexec) -> None:
    run = results(pexec, MANIFEST, 1)
    assert json.loads(pexec.run("report", "--format", "json").stdout) == run.results


def test_the_first_job_can_already_read_them(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml", "version: 1\nworkflows:\n  a: {run: cat $PEXEC_RUN_DIR/results_summary.json}\n  b: {run: ':'}\n"
    )
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    seen = json.loads(run.log("a"))
    jsonschema.Draft202012Validator(SCHEMA).validate(seen)
    assert (seen["run_id"], seen["execution_result"]) == (run.path.name, "RUNNING")
    assert [job["job_id"] for job in seen["jobs"]] == ["a", "b"]
