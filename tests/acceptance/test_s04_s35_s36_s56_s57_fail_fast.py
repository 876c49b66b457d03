"""S04, S35, S36, S56, S57: after a failure a run continues with independent jobs, drains, or stops at once."""

from __future__ import annotations

import pytest
from support.attempts import new_mark, survivors
from support.cli import Pexec
from support.runs import last_run

# Whether this job has ended is in the journal. A second is enough for what follows from it, also on a busy machine.
AFTER_THE_FAILURE = (
    "until grep -q 'job.finished.*fails.*failed' $PEXEC_RUN_DIR/events.jsonl; do sleep 0.05; done; sleep 1"
)


def manifest(policy: str, mark: str) -> str:
    return f"""\
version: 1
policy: {{max_parallel_jobs: 3{policy}}}
defaults: {{shell: [sh, -eu]}}
workflows:
  long: {{run: "{AFTER_THE_FAILURE}; : {mark}"}}
  fails: {{run: "exit 3"}}
  depends: {{needs: fails, run: echo never}}
  later: {{needs: long, run: echo later}}
"""


@pytest.mark.parametrize(
    ("policy", "flags", "long", "later"),
    [
        ("", (), "succeeded", "succeeded"),
        (", fail_fast: true", ("--fail-fast=false",), "succeeded", "succeeded"),
        (", fail_fast: drain", (), "succeeded", "cancelled"),
        ("", ("--fail-fast",), "cancelled", "skipped"),
    ],
)
def test_each_mode_ends_the_other_jobs_in_its_own_way(
    pexec: Pexec, policy: str, flags: tuple[str, ...], long: str, later: str
) -> None:
    mark = new_mark()
    pexec.file("pexec.yaml", manifest(policy, mark))
    assert pexec.run("apply", "--output", "quiet", *flags).exit_code == 1
    assert survivors(mark) == set()
    run = last_run(pexec.folder).check()
    assert run.statuses == {"fails": "failed", "depends": "skipped", "long": long, "later": later}
    assert run.results["execution_result"] == "FAILED"
    assert run.reason("depends") == "need `fails` failed"
    if long == "cancelled":
        assert run.reason("long").startswith("fail-fast: `fails` failed")
    if later == "cancelled":
        assert run.reason("later").startswith("fail-fast: `fails` failed")
