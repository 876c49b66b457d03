"""S64 to S67: independent jobs run in parallel, dependencies hold, and speedup and utilisation are correct."""

from __future__ import annotations

import pytest
from support.cli import Pexec
from support.crashes import judged
from support.runs import Run, last_run


def apply(pexec: Pexec, text: str, slots: int) -> Run:
    assert pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{text}").run("apply", "-j", str(slots)).exit_code == 0
    return judged(last_run(pexec.folder))


def test_as_many_jobs_as_slots_run_at_the_same_time(pexec: Pexec) -> None:
    jobs = 6
    # Each waits until all the others have started: on a busy machine, times prove less.
    pexec.file("meet.sh", f"touch here.$1; until [ $(ls here.* | wc -l) = {jobs} ]; do sleep 0.02; done; sleep 0.3\n")
    run = apply(
        pexec, "".join(f"  s{number}: {{run: sh meet.sh {number}, timeout: 1m}}\n" for number in range(jobs)), jobs
    )
    summary = run.results["summary"]
    assert run.most_at_once() == jobs
    took = sum(job["execution_time_seconds"] for job in run.jobs.values())
    assert summary["speed_up"] == pytest.approx(took / summary["wall_time_seconds"], rel=0.01)
    assert summary["utilisation"] == pytest.approx(summary["speed_up"] / jobs, rel=0.01)


def test_there_is_no_barrier_between_levels(pexec: Pexec) -> None:
    """A level barrier would let `quick2` wait for `slow0`, which waits for what only starts after `quick2`."""
    text = "".join(
        f"  slow{number}: {{{f'needs: quick{number}, ' if number else ''}run: sh slow.sh {number}, timeout: 1m}}\n"
        f"  quick{number + 1}: {{{f'needs: quick{number}, ' if number else ''}run: ':'}}\n"
        for number in range(3)
    )
    pexec.file("slow.sh", "touch here.$1; until test -e here.2; do sleep 0.02; done\n")
    run = apply(pexec, text, 4)
    assert run.at("attempt.started", "slow2") < run.at("attempt.finished", "slow0")


def test_with_one_slot_jobs_run_in_sequence_and_the_speedup_says_so(pexec: Pexec) -> None:
    run = apply(pexec, "".join(f"  s{number}: {{run: sleep 0.1}}\n" for number in range(3)), 1)
    summary = run.results["summary"]
    assert run.most_at_once() == 1
    assert summary["wall_time_seconds"] >= 0.3
    assert summary["speed_up"] <= 1
    assert summary["utilisation"] <= 1


def test_a_run_is_faster_than_one_slot_and_than_a_barrier_after_each_level(pexec: Pexec) -> None:
    """Three chains, whose long job is at another level each: 1 s of work without barriers, 3 s with them."""

    def took(slots: int, *, barriers: bool) -> float:
        text = ""
        for level in range(3):
            for chain in range(3):
                needs = [f"c{other}l{level - 1}" for other in range(3) if level and (barriers or other == chain)]
                text += f"  c{chain}l{level}: {{needs: {needs}, run: sleep {1 if chain == level else 0}}}\n"
        wall: float = apply(pexec, text, slots).results["summary"]["wall_time_seconds"]
        return wall

    def is_faster() -> bool:
        free, barred, single = took(3, barriers=False), took(3, barriers=True), took(1, barriers=False)
        assert min(barred, single) >= 3
        return free < 0.75 * min(barred, single)

    assert any(
        is_faster() for _ in range(5)
    )  # a busy machine may delay the only one of the three runs that should be short
