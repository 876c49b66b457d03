"""What is left of a run takes at least as long as the estimate of its plan says, for what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.worlds import job
from support.worlds import plan as world

from orchestrator.plan.estimate import estimate, with_durations
from orchestrator.plan.model import Plan
from orchestrator.report.remaining import RemainingTime


def chain(**policy: object) -> Plan:
    """a (10 s) -> b (5 s); c (3 s) and d (2 s) on their own."""
    of = world(job("a"), job("b", needs="a"), job("c"), job("d"), **policy)
    return with_durations(replace(of, levels=((0, 2, 3), (1,))), {"a": 10.0, "b": 5.0, "c": 3.0, "d": 2.0})


def test_nothing_is_estimated_where_no_duration_is_known() -> None:
    assert RemainingTime(world(job("a"))).at_least({}) is None


def test_the_critical_path_shortens_while_its_job_runs_and_never_below_what_follows() -> None:
    left = RemainingTime(chain())
    assert left.at_least({}) == 15.0
    assert left.at_least({0: 4.0}) == 11.0
    assert left.at_least({0: 40.0}) == 5.0
    left.end(0)
    assert left.at_least({1: 1.0}) == 4.0
    left.end(1)
    assert left.at_least({}) == 3.0
    left.end(2)
    left.end(2)
    left.end(3)
    assert left.at_least({}) == 0.0


def test_few_slots_have_to_do_all_the_work() -> None:
    left = RemainingTime(chain(max_parallel_jobs=1))
    assert left.at_least({}) == 20.0
    assert left.at_least({0: 4.0}) == 16.0


def test_a_pool_is_a_bottleneck_too() -> None:
    of = world(*(job(name, pools=(("db", 2),)) for name in "abc"), pools={"db": 3})
    left = RemainingTime(with_durations(replace(of, levels=((0, 1, 2),)), dict.fromkeys("abc", 6.0)))
    assert left.at_least({}) == pytest.approx(12.0)
    left.end(0)
    assert left.at_least({1: 3.0}) == pytest.approx(6.0)


def test_what_succeeded_before_a_resume_is_not_left() -> None:
    assert RemainingTime(chain(), succeeded=[0, 2]).at_least({}) == 5.0


@given(
    st.lists(st.floats(0.1, 100), min_size=4, max_size=4),
    st.integers(1, 4),
    st.lists(st.sampled_from(range(4)), unique=True),
)
def test_before_it_begins_it_is_the_estimate_of_the_plan_and_it_never_grows(
    seconds: list[float], slots: int, order: list[int]
) -> None:
    of = with_durations(chain(max_parallel_jobs=slots), dict(zip("abcd", seconds, strict=True)))
    expected, left = estimate(of), RemainingTime(of)
    before = left.at_least({})
    assert expected is not None
    assert before == pytest.approx(expected.seconds, abs=0.001)
    for number in order:
        left.end(number)
        now = left.at_least({})
        assert before is not None
        assert now is not None
        assert now <= before + 1e-6
        before = now
