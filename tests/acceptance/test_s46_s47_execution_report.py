"""S46, S47: the Markdown report has the runbook's sections and the numbers of the results."""

from __future__ import annotations

import re

import pytest
from support.cli import Pexec
from support.runs import Run, last_run

MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  good: {run: sleep 0.2}
  slow: {run: sleep 20, timeout: 300ms}
  bad: {run: exit 7}
  next: {needs: bad, run: 'true'}
"""


@pytest.fixture
def run(pexec: Pexec) -> Run:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 1
    return last_run(pexec.folder).check()


def test_it_has_the_sections_and_the_command_prints_the_same(pexec: Pexec, run: Run) -> None:
    text = (run.path / "execution_report.md").read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Execution Summary",
        "Performance Metrics",
        "Execution Times",
        "Job Details",
        "Log Files",
        "Recommendations",
    ]
    assert pexec.run("report").stdout == text
    assert pexec.run("report", "--format", "html").stdout == (run.path / "report.html").read_text()


def test_its_numbers_are_those_of_the_results(run: Run) -> None:
    text = (run.path / "execution_report.md").read_text()
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE))
    summary = run.results["summary"]
    assert int(rows["Total jobs"]) == summary["total_jobs"] == 4
    assert int(rows["Succeeded"]) == summary["successful_jobs"] == 1
    assert int(rows["Failed"]) + int(rows["Timed out"]) == summary["failed_jobs"] == 2
    assert int(rows["Timed out"]) == summary["timed_out_jobs"] == 1
    assert int(rows["Skipped"]) == summary["skipped_jobs"] == 1
    assert rows["Success Rate"] == "25%"
    assert float(rows["Wall time"].split()[0]) == summary["wall_time_seconds"]
    assert float(rows["Total execution time"].split()[0]) == summary["total_execution_time_seconds"]


def test_its_advice_comes_from_what_happened(run: Run) -> None:
    advice = (run.path / "execution_report.md").read_text().partition("## Recommendations")[2]
    assert "`slow` timed out after 300ms" in advice
    assert "`bad` failed: `exit code 7`; see `logs/bad.1.log`" in advice
