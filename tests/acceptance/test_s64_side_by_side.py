"""S64: independent jobs run side by side: as many sleepers as there are slots take about as long as one."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

SLEEPERS = 8


def test_sleepers_in_as_many_slots_take_about_one_sleep(pexec: Pexec) -> None:
    jobs = "".join(f"  j{number}: {{argv: [sleep, '1']}}\n" for number in range(SLEEPERS))
    pexec.file("pexec.yaml", f"version: 1\npolicy: {{max_parallel_jobs: {SLEEPERS}}}\nworkflows:\n{jobs}")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.most_at_once() == SLEEPERS
    assert 1 <= run.events[-1]["wall_seconds"] < 4, "one after the other they would take eight seconds"
