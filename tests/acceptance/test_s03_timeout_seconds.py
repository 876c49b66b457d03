"""S03: the timeout is 300 s, unless the workflow, a flag, the environment or `defaults` sets another."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.runs import last_run

TWO = "workflows:\n  own: {run: 'sleep 600; :', timeout: 1500ms}\n  other: {run: 'sleep 600; :'}\n"


@pytest.mark.parametrize(
    ("head", "variable", "flags", "limit"),
    [
        ("", "", (), 300),
        ("defaults: {timeout: 10s}\n", "", (), 10),
        ("defaults: {timeout: 10s}\n", "20", (), 20),
        ("defaults: {timeout: 10s}\n", "20", ("--timeout-seconds", "0.5"), 0.5),
    ],
)
def test_the_workflows_own_limit_wins_and_then_the_first_that_is_set(
    pexec: Pexec, head: str, variable: str, flags: tuple[str, ...], limit: float
) -> None:
    if variable:
        pexec.env(PEXEC_TIMEOUT_SECONDS=variable)
    pexec.file("pexec.yaml", f"version: 1\n{head}{TWO}")
    plan = json.loads(pexec.run("plan", "--format", "json", *flags).stdout)
    assert {job["id"]: job["timeout_seconds"] for job in plan["jobs"]} == {"own": 1.5, "other": limit}


def test_it_is_enforced(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", f"version: 1\n{TWO}")
    assert pexec.run("apply", "--output", "quiet", "--timeout-seconds", "0.5").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"own": "timed_out", "other": "timed_out"}
    assert all(0.4 < job["execution_time_seconds"] < 60 for job in run.jobs.values())
