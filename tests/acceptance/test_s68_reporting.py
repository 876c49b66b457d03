"""S68: plan, status, list and reports of one run agree: while it runs, after a crash, and at its end."""

from __future__ import annotations

import json
import signal
import subprocess
import xml.etree.ElementTree as ET
from typing import Any

from support.attempts import wait_until
from support.cli import Pexec
from support.runs import last_run, runs

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 2}
defaults: {shell: [sh, -eu]}
workflows:
  good: {run: ':'}
  bad: {run: exit 3, allow_failure: true}
  hold: {needs: [good, bad], run: 'while [ ! -e go ]; do sleep 0.05; done'}
  last: {needs: hold, run: ':'}
"""


def looked(pexec: Pexec) -> dict[str, Any]:
    """What each command reports, as data."""
    said = {
        name: pexec.run(*words, "--format", "json")
        for name, words in {"status": ["status"], "runs": ["runs"], "report": ["report"], "verify": ["verify"]}.items()
    }
    assert {name: one.exit_code for name, one in said.items()} == dict.fromkeys(said, 0), said
    return {name: json.loads(one.stdout) for name, one in said.items()}


def check_one_story(pexec: Pexec, state: str, done: int) -> None:
    reported = looked(pexec)
    (listed,) = reported["runs"]["runs"]
    counts = reported["status"]["counts"]
    assert (reported["status"]["state"], listed["state"], reported["verify"]["state"]) == (state,) * 3
    assert listed["counts"] == counts
    summary = reported["report"]["summary"]
    assert (counts["success"], summary["successful_jobs"]) == (done, done)
    assert (counts["failed"], summary["allowed_failures"]) == (1, 1)
    assert sum(counts.values()) == summary["total_jobs"] == reported["verify"]["jobs"] == 4
    assert reported["verify"]["violations"] == []
    for form in ("md", "html", "junit"):
        assert pexec.run("report", "--format", form).exit_code == 0
    suite = ET.fromstring(pexec.run("report", "--format", "junit").stdout)
    assert len(list(suite.iter("testcase"))) == 4


def test_for_a_run_that_is_running_crashed_and_ended(pexec: Pexec) -> None:
    plan = json.loads(pexec.file("pexec.yaml", MANIFEST).run("plan", "--format", "json").stdout)
    process = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: bool(runs(pexec.folder)) and b'spawned","job":"hold' in journal(pexec))
    check_one_story(pexec, "running", 1)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    check_one_story(pexec, "interrupted", 1)
    assert last_run(pexec.folder).results["execution_result"] == "INTERRUPTED"
    pexec.file("go", "")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    check_one_story(pexec, "finished", 3)
    run = last_run(pexec.folder).check()
    assert run.json("plan.json")["digest"] == plan["digest"]
    assert run.results["summary"]["success_rate"] == 0.75
    assert "| Success Rate | 75% |" in (run.path / "execution_report.md").read_text()


def journal(pexec: Pexec) -> bytes:
    path = runs(pexec.folder)[-1].path / "events.jsonl"
    return path.read_bytes() if path.exists() else b""
