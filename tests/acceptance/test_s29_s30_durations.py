"""S29, S30: each job has its duration, taken where it ended, and its exit code, signal and reason."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

TEXT = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  waits: {run: 'sleep 0.5; :'}
  after: {needs: waits, run: 'true'}
  code: {run: exit 7}
  killed: {run: 'kill -SEGV $$'}
  never: {needs: code, run: 'true'}
"""


def test_results_carry_duration_exit_code_signal_and_reason(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", TEXT).run("apply", "--output", "quiet")
    jobs = last_run(pexec.folder).check().jobs
    assert 0.4 < jobs["waits"]["execution_time_seconds"] < 5
    assert jobs["after"]["execution_time_seconds"] < jobs["waits"]["execution_time_seconds"], "a wait is no execution"
    facts = {name: (job["exit_code"], job["signal"], job["reason"]) for name, job in jobs.items()}
    assert facts == {
        "waits": (0, None, ""),
        "after": (0, None, ""),
        "code": (7, None, "exit code 7"),
        "killed": (None, "SIGSEGV", "killed by SIGSEGV"),
        "never": (None, None, "need `code` failed"),
    }
    assert jobs["never"]["execution_time_seconds"] == 0
    assert jobs["waits"]["started_at"] < jobs["waits"]["finished_at"] <= jobs["after"]["started_at"]
