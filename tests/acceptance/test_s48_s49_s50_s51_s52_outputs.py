"""S48 to S52: the five outputs exist after a success, a failure and an interrupt, and on request after a crash."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.attempts import wait_until
from support.cli import Pexec
from support.runs import journal, last_run

from orchestrator.report.status import result_word

ROOT = Path(__file__).parents[2]
MANIFEST = (
    "version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n  a: {{run: echo hello}}\n  b: {{needs: a, run: {b}}}\n"
)


def check(directory: Path, result: str) -> dict[str, Any]:
    """Check that all outputs exist and are valid. Returns the results."""

    def valid(name: str, schema: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((directory / name).read_text())
        jsonschema.validate(data, json.loads((ROOT / f"schemas/{schema}.schema.json").read_text()))
        return data

    results = valid("results_summary.json", "results")
    assert valid("execution_plan.json", "execution_plan")["total_groups"] == 2
    dependencies = json.loads((directory / "dependencies.json").read_text())
    assert dependencies["dependencies"] == {"a": [], "b": ["a"]}
    assert {name: one["status"] for name, one in dependencies["workflows"].items()} == {
        job["job_id"]: job["status"] for job in results["jobs"]
    }
    assert (directory / "logs/a.1.log").read_bytes() == b"hello\n"
    assert f"| Result | {result_word(result).capitalize()}" in (directory / "execution_report.md").read_text()
    assert f">{result_word(result)}</span>" in (directory / "report.html").read_text()
    assert results["execution_result"] == result
    for job in results["jobs"]:
        assert (directory / f"status/{job['job_id']}.status").read_text().strip() == job["status"]
    return results


@pytest.mark.parametrize(("b", "code", "result"), [("'true'", 0, "SUCCESS"), ("exit 1", 1, "FAILED")])
def test_after_a_success_and_after_a_failure(pexec: Pexec, b: str, code: int, result: str) -> None:
    assert pexec.file("pexec.yaml", MANIFEST.format(b=b)).run("apply").exit_code == code
    check(last_run(pexec.folder).path, result)


def started(pexec: Pexec) -> subprocess.Popen[bytes]:
    """A run whose second job is running."""
    text = MANIFEST.format(b="touch begun; sleep 30")
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: (pexec.folder / "begun").exists())
    assert wait_until(lambda: b"attempt.spawned" in journal(pexec.folder))
    return process


def test_after_an_interrupt(pexec: Pexec) -> None:
    process = started(pexec)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    check(last_run(pexec.folder).path, "CANCELLED")


def test_after_a_crash_a_report_makes_them(pexec: Pexec) -> None:
    process = started(pexec)
    process.kill()
    process.wait()
    directory = last_run(pexec.folder).path
    for name in ("results_summary.json", "execution_report.md"):
        (directory / name).unlink(missing_ok=True)
    said = pexec.run("report")
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout == (directory / "execution_report.md").read_text()
    results = check(directory, "INTERRUPTED")
    assert [job["status"] for job in results["jobs"]] == ["SUCCESS", "RUNNING"]
