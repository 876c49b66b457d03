"""S54: all dependents of a failed job are skipped, transitively, and the reason names the need."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

TEXT = """\
version: 1
workflows:
  fails: {run: exit 1}
  direct: {needs: fails, run: touch ran}
  further: {needs: direct, run: touch ran}
  both: {needs: [further, free], run: touch ran}
  free: {run: 'true'}
  heals: {needs: fails, when: failure, run: 'true'}
"""


def test_dependents_are_skipped_transitively_and_others_are_not(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", TEXT).run("apply", "--output", "quiet").exit_code == 1
    run = last_run(pexec.folder).check()
    skipped = {job: run.reason(job) for job, status in run.statuses.items() if status == "skipped"}
    assert skipped == {
        "direct": "need `fails` failed",
        "further": "need `direct` was skipped because `fails` failed",
        "both": "need `further` was skipped because `fails` failed",
    }
    assert (run.statuses["free"], run.statuses["heals"]) == ("succeeded", "succeeded")
    assert not (pexec.folder / "ran").exists()
