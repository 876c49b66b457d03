"""S64 to S67: independent jobs run side by side, waits are kept, and what that gains is told truly."""

from __future__ import annotations

import pytest
from support.cli import Pexec
from support.crashes import judged
from support.runs import Run, last_run

SECONDS = 0.7


def apply(pexec: Pexec, text: str, slots: int) -> Run:
    assert pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{text}").run("apply", "-j", str(slots)).exit_code == 0
    return judged(last_run(pexec.folder))


def test_as_many_sleepers_as_slots_take_about_one(pexec: Pexec) -> None:
    jobs = 6
    run = apply(pexec, "".join(f"  s{number}: {{run: sleep {SECONDS}}}\n" for number in range(jobs)), jobs)
    summary = run.results["summary"]
    assert run.most_at_once() == jobs
    assert SECONDS <= summary["wall_time_seconds"] < 3 * SECONDS  # one after the other: six
    assert summary["speed_up"] > 2
    assert summary["utilisation"] == pytest.approx(summary["speed_up"] / jobs, rel=0.01)


def test_there_is_no_barrier_between_levels(pexec: Pexec) -> None:
    """A level barrier would let `quick2` wait for `slow1`, and take three times as long as the longest chain."""
    text = "".join(
        f"  slow{number}: {{{f'needs: quick{number}, ' if number else ''}run: sleep {SECONDS}}}\n"
        f"  quick{number + 1}: {{{f'needs: quick{number}, ' if number else ''}run: ':'}}\n"
        for number in range(3)
    )
    run = apply(pexec, text, 4)
    assert run.at("attempt.started", "slow2") < run.at("attempt.finished", "slow0")
    assert run.results["summary"]["wall_time_seconds"] < 2.5 * SECONDS


def test_one_slot_is_one_after_the_other_and_says_so(pexec: Pexec) -> None:
    run = apply(pexec, "".join(f"  s{number}: {{run: sleep 0.1}}\n" for number in range(3)), 1)
    summary = run.results["summary"]
    assert run.most_at_once() == 1
    assert summary["wall_time_seconds"] >= 0.3
    assert summary["speed_up"] <= 1
    assert summary["utilisation"] <= 1
