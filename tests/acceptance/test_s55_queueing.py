"""S55: jobs queue for pools, for resources of the machine and for descriptors; none fails for lack of them."""

from __future__ import annotations

import pytest
from support.cli import Pexec
from support.runs import Run, last_run


def most_in(run: Run, jobs: set[str]) -> int:
    running, most = 0, 0
    for event in run.events:
        if event.get("job") in jobs:
            running += {"attempt.started": 1, "attempt.finished": -1}.get(event["event"], 0)
            most = max(most, running)
    return most


def test_a_pool_is_never_exceeded_and_other_jobs_overtake(pexec: Pexec) -> None:
    jobs = "".join(f"  d{number}: {{run: 'sleep 0.1; :', pools: {{database: 1}}}}\n" for number in range(5))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 8, pools: {{database: 2}}}}\nworkflows:\n{jobs}"
    pexec.file("pexec.yaml", text + "  free: {run: 'sleep 0.1; :'}\n")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert most_in(run, {f"d{number}" for number in range(5)}) == 2
    assert run.at("attempt.started", "free") < run.at("attempt.finished", "d0")


@pytest.mark.parametrize("limit", ["admission: {min_free_memory: 1024TiB}", "admission: {max_load: 0.000001}"])
def test_on_a_full_machine_jobs_run_one_by_one(pexec: Pexec, limit: str) -> None:
    jobs = "".join(f"  j{number}: {{run: 'sleep 0.05; :'}}\n" for number in range(3))
    pexec.file("pexec.yaml", f"version: 1\npolicy: {{max_parallel_jobs: 3, {limit}}}\nworkflows:\n{jobs}")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert (run.most_at_once(), set(run.statuses.values())) == (1, {"succeeded"})
