"""admission: jobs wait until the machine has room; one may always run, so every run ends."""

from __future__ import annotations

import pytest
from support.cli import Pexec
from support.runs import Run, last_run


def apply(pexec: Pexec, policy: str, job: str) -> Run:
    jobs = "".join(f"  j{n}: {{run: sleep 0.1{job}}}\n" for n in range(4))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 4{policy}}}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{jobs}"
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 0
    return last_run(pexec.folder).check()


@pytest.mark.parametrize(
    ("policy", "job"),
    [
        (", admission: {min_free_memory: 1024TiB}", ""),
        ("", ", memory: 1024TiB"),
        ("", ", cpus: 10000"),
        (", admission: {max_load: 0.5}", ", cpus: 0.6"),
    ],
)
def test_without_room_jobs_run_one_after_the_other(pexec: Pexec, policy: str, job: str) -> None:
    run = apply(pexec, policy, job)
    assert run.most_at_once() == 1
    ends, starts = run.named("attempt.finished"), run.named("attempt.started")
    gaps = [start["at"] - end["at"] for end, start in zip(ends, starts[1:], strict=False)]
    assert min(gaps) < 0.5, "an end makes room at once, without waiting for the next check, which comes each second"


def test_with_room_they_run_in_parallel(pexec: Pexec) -> None:
    run = apply(pexec, ", admission: {min_free_memory: 1, max_load: 100000.0}", ", memory: 1, cpus: 0.0001")
    assert run.most_at_once() > 1


def test_the_plan_shows_and_stores_the_admission_rules(pexec: Pexec) -> None:
    run = apply(pexec, ", admission: {min_free_memory: 1MiB, max_load: 900.5}", ", memory: 2MiB, cpus: 0.5")
    plan = run.json("plan.json")
    assert plan["policy"]["admission"] == {"min_free_memory_bytes": 1 << 20, "max_load": 900.5}
    assert [(job["memory_bytes"], job["cpus"]) for job in plan["jobs"]] == [(2 << 20, 0.5)] * 4
