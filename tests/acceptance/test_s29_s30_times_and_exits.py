"""S29, S30: the duration of each job by a monotonic clock, and how it ended: exit code, signal, reason."""

from __future__ import annotations

from datetime import datetime

import pytest
from support.cli import Pexec
from support.runs import Run, last_run

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 4}
defaults: {shell: [sh, -eu], grace: 100ms}
workflows:
  sleeps: {run: sleep 0.4}
  quick: {argv: ['true']}
  code: {run: exit 42}
  signal: {run: kill -SEGV $$}
  again: {retry: {max_attempts: 3, delay: 0s}, run: 'sleep 0.1; exit $((PEXEC_ATTEMPT < 2))'}
  late: {timeout: 200ms, run: sleep 600}
  missing: {argv: [no-such-program]}
  never: {needs: code, run: ':'}
"""


@pytest.fixture
def run(pexec: Pexec) -> Run:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "--output", "quiet").exit_code == 1
    return last_run(pexec.folder).check()


def test_exit_code_signal_and_reason_are_distinct(run: Run) -> None:
    reported = {job: (entry["status"], entry["exit_code"], entry["signal"]) for job, entry in run.jobs.items()}
    assert reported == {
        "sleeps": ("SUCCESS", 0, None),
        "quick": ("SUCCESS", 0, None),
        "code": ("FAILED", 42, None),
        "signal": ("FAILED", None, "SIGSEGV"),
        "again": ("SUCCESS", 0, None),
        "late": ("TIMED_OUT", None, "SIGTERM"),
        "missing": ("FAILED", 127, None),
        "never": ("SKIPPED", None, None),
    }
    reasons = {job: entry["reason"] for job, entry in run.jobs.items()}
    assert (reasons["code"], reasons["quick"]) == ("exit code 42", "")
    assert "SIGSEGV" in reasons["signal"]
    assert "200ms" in reasons["late"]
    assert "no-such-program" in reasons["missing"]
    assert "`code` failed" in reasons["never"]


def test_durations_are_those_of_the_attempts_alone(run: Run) -> None:
    seconds = {job: entry["execution_time_seconds"] for job, entry in run.jobs.items()}
    assert 0.4 <= seconds["sleeps"] < 60
    assert 0.2 <= seconds["again"] < 60  # both attempts, not the wait for a slot
    assert 0.2 <= seconds["late"] < 60
    assert seconds["never"] == 0
    for event in run.named("attempt.finished"):
        started = next(e for e in run.named("attempt.started", job=event["job"], attempt=event["attempt"]))
        assert event["duration_seconds"] <= event["at"] - started["at"] + 0.001
    for job in ("sleeps", "code"):
        entry = run.jobs[job]
        begun, ended = (datetime.fromisoformat(entry[name]) for name in ("started_at", "finished_at"))
        assert (ended - begun).total_seconds() >= entry["execution_time_seconds"] - 0.05
