"""What earlier runs tell of how long jobs take: what is urgent, and how long the run will take at least."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.planning import good_plan

from orchestrator.plan.estimate import Estimate, estimate, with_durations
from orchestrator.plan.export import plan_from_dict, plan_to_dict
from orchestrator.plan.render import plan_text

DIAMOND = """
    policy: {max_parallel_jobs: 2, pools: {gpu: 2}}
    workflows:
      fetch: {run: fetch}
      long: {run: long, needs: fetch}
      deep: {run: deep, needs: fetch}
      deeper: {run: deeper, needs: deep}
      all: {needs: [long, deeper]}
"""
SECONDS = {"fetch": 1.0, "long": 60.0, "deep": 2.0, "deeper": 3.0}


def names(plan: Any) -> list[str]:
    return [plan.jobs[index].id for index in plan.critical_path]


def test_without_any_knowledge_hops_count_and_there_is_no_estimate() -> None:
    plan = good_plan(DIAMOND)
    assert names(plan) == ["fetch", "deep", "deeper", "all"]
    assert [job.rank for job in plan.jobs] == [4, 2, 3, 2, 1]
    assert estimate(plan) is None
    assert "estimate" not in plan_to_dict(plan)
    assert "estimate" not in plan_text(plan)


def test_what_took_long_before_is_urgent() -> None:
    plan = good_plan(DIAMOND, durations=SECONDS)
    assert names(plan) == ["fetch", "long"]
    assert {job.id: job.rank for job in plan.jobs} == {"fetch": 61, "long": 60, "deep": 5, "deeper": 3, "all": 0}
    assert estimate(plan) == Estimate(seconds=61.0, critical_path_seconds=61.0, work_seconds=66.0, known_jobs=4)


def test_what_is_not_known_counts_as_the_one_in_the_middle() -> None:
    plan = good_plan(DIAMOND, durations={"fetch": 2.0, "deep": 4.0, "long": 6.0, "gone": 900.0})
    assert [job.expected_seconds for job in plan.jobs] == [2.0, 6.0, 4.0, None, None]
    assert estimate(plan) == Estimate(seconds=10.0, critical_path_seconds=10.0, work_seconds=16.0, known_jobs=3)


def test_slots_and_pools_bound_the_time_too() -> None:
    flat = "policy: {max_parallel_jobs: 2, pools: {gpu: 3}}\nworkflows:\n"
    plain = flat + "".join(f"  j{number}: {{run: x}}\n" for number in range(4))
    pooled = flat + "".join(f"  j{number}: {{run: x, pools: {{gpu: 3}}}}\n" for number in range(4))
    known = {f"j{number}": 5.0 for number in range(4)}
    seconds = [estimate(good_plan(text, durations=known)) for text in (plain, pooled)]
    assert [one and one.seconds for one in seconds] == [10.0, 20.0]


def test_what_is_known_changes_no_digest_and_no_level() -> None:
    before, after = good_plan(DIAMOND), good_plan(DIAMOND, durations=SECONDS)
    assert (before.digest, before.levels) == (after.digest, after.levels)
    assert [job.digest for job in before.jobs] == [job.digest for job in after.jobs]


def test_the_plan_file_holds_what_was_known() -> None:
    plan = good_plan(DIAMOND, durations=SECONDS)
    data = json.loads(json.dumps(plan_to_dict(plan)))
    assert data["estimate"] == {
        "seconds": 61.0,
        "critical_path_seconds": 61.0,
        "work_seconds": 66.0,
        "known_jobs": 4,
    }
    assert [job.get("expected_seconds") for job in data["jobs"]] == [1, 60, 2, 3, None]
    assert plan_from_dict(data) == plan


def test_it_is_shown_without_digits_that_cannot_be_foreseen() -> None:
    plan = good_plan(DIAMOND, durations={**SECONDS, "fetch": 1.2345})
    assert (
        "estimate: at least 1m 01s, from earlier runs of 4 of 5 jobs (critical path 1m 01s, work 1m 06s on 2 slots)\n"
        in plan_text(plan)
    )
    short = good_plan("workflows: {a: {run: a}}", durations={"a": 1.2345})
    assert "estimate: at least 1.2s, from earlier runs of 1 of 1 job (" in plan_text(
        replace(short, policy=replace(short.policy, max_parallel_jobs=1))
    )


def test_it_is_no_bound_where_a_typical_duration_is_assumed() -> None:
    text = plan_text(good_plan("workflows: {a: {run: a}, b: {run: b}}", durations={"a": 0.012}))
    assert "estimate: about 12ms, from earlier runs of 1 of 2 jobs (" in text


@given(st.data())
def test_durations_that_come_later_make_the_same_plan_as_those_that_came_at_once(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    needs = [
        data.draw(st.lists(st.integers(0, number - 1), unique=True, max_size=3)) if number else []
        for number in range(count)
    ]
    lines = [f"  j{n}: {{run: x, needs: [{', '.join(f'j{need}' for need in row)}]}}" for n, row in enumerate(needs)]
    text = "workflows:\n" + "\n".join(lines) + "\n"
    durations = data.draw(st.dictionaries(st.sampled_from([f"j{n}" for n in range(count + 1)]), st.floats(0, 100)))
    assert with_durations(good_plan(text), durations) == good_plan(text, durations=durations)
    assert with_durations(good_plan(text, durations=durations), {}) == good_plan(text)
