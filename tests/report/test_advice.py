"""What a report recommends: only what the facts say."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.dags import plan_of
from support.stories import Story, sales
from support.worlds import job, plan

from orchestrator.report.advice import recommendations
from orchestrator.report.fold_events import read_report
from orchestrator.report.model import RunReport


def advice(story: Story) -> list[str]:
    return recommendations(_report(story))


def _report(story: Story) -> RunReport:
    return read_report(story.plan, story.events)


def ran(*times: tuple[str, float, float], wall: float, needs: str = "", **policy: Any) -> Story:
    """A run in which each job starts and ends at these seconds; the last one needs `needs`."""
    names = [name for name, _, _ in times]
    story = Story(plan(*(job(name, needs=needs if name == names[-1] else "") for name in names), **policy))
    moments = sorted([(start, 1, name) for name, start, _ in times] + [(end, 0, name) for name, _, end in times])
    for at, starts, name in moments:
        (story.start if starts else story.end)(name, at)
    story.finish(wall)
    return story


def test_each_problem_is_reported_with_its_facts() -> None:
    assert advice(sales()) == [
        "`lint` failed (allowed): `exit code 2`; see `logs/lint.1.log`.",
        "`load` was lost: `the warden is gone`; see `logs/load.1.log`.",
        "`audit \\| <b>` timed out after 4s: see `logs/audit-b.1.log` for what it was waiting for, or increase its "
        "`timeout`.",
        "`fetch` succeeded only on attempt 2: find out why it failed first.",
        "`build` left 2 processes behind, which pexec ended: make it wait for what it starts.",
        "`logs/build.1.log` was truncated at its limit, 1 byte dropped: increase `limits.log`.",
        "The critical path was the bottleneck, with 94% of the wall time: more slots would not help; "
        "shorten or split `fetch`.",
        "This host could not provide `memory limits`: `no delegated cgroup`.",
    ]


def test_a_run_that_went_well_needs_no_advice() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.finish(1.0)
    assert advice(story) == []
    assert advice(Story(plan())) == []


def test_the_slots_are_the_bottleneck_when_they_were_busy() -> None:
    story = ran(("a", 0, 2), ("b", 0, 2), ("c", 2, 4), ("d", 2, 4), wall=4, max_parallel_jobs=2)
    assert advice(story) == [
        "The slots were the bottleneck, 100% busy: with a higher `max_parallel_jobs` the run could take as "
        "little as 2.0s."
    ]


def test_the_critical_path_is_the_bottleneck_when_it_took_all_the_time() -> None:
    story = ran(("a", 0, 3), ("b", 0, 1), ("c", 3, 4), wall=4, needs="a", max_parallel_jobs=4)
    assert advice(story) == [
        "The critical path was the bottleneck, with 100% of the wall time: more slots would not help; shorten or "
        "split `a`."
    ]


def test_a_pool_is_the_bottleneck_when_it_was_full() -> None:
    of = plan(
        *(job(name, pools=(("licence", 1),)) for name in "abcd"), max_parallel_jobs=4, pools={"licence": 1, "x": 0}
    )
    story = Story(of)
    for number, one in enumerate(of.jobs):
        story.start(one.id, float(number))
        story.end(one.id, number + 0.9)
    story.finish(4.0)
    assert advice(story) == ["The pool `licence` was the bottleneck, 90% taken: enlarge it or shorten its jobs."]


def test_it_says_so_if_there_was_no_single_bottleneck() -> None:
    story = ran(("a", 0, 1), ("b", 2, 3), wall=4, max_parallel_jobs=2)
    assert advice(story) == [
        "No single bottleneck: the critical path took 25% of the wall time, and the slots were 25% busy."
    ]


def test_a_run_that_was_cut_short_has_no_bottleneck() -> None:
    finished = _report(ran(("a", 0, 2), ("b", 0, 2), wall=2, max_parallel_jobs=2))
    assert recommendations(finished) != []
    for result in ("CANCELLED", "INTERRUPTED", "RUNNING"):
        assert recommendations(replace(finished, result=result)) == []


def test_shares_of_nearly_nothing_are_no_bottleneck() -> None:
    assert advice(ran(("a", 0, 1), ("b", 2, 3), wall=100, max_parallel_jobs=2)) == []


def test_a_success_close_to_its_timeout_is_a_warning() -> None:
    of = plan(job("a"))
    of = replace(of, jobs=tuple(replace(one, spec=replace(one.spec, timeout=10.0)) for one in of.jobs))
    for seconds, expected in ((7.9, []), (8.0, ["`a` took 8.0s of its `timeout` of 10s: increase it."])):
        story = Story(of)
        story.start("a", 0.0)
        story.end("a", seconds)
        story.finish(seconds)
        assert advice(story) == expected


def test_many_of_a_kind_are_counted() -> None:
    of = plan_of([()] * 15)
    story = Story(of)
    for one in of.jobs:
        story.start(one.id, 0.0)
        story.end(one.id, 0.0, "failed", exit_code=1, reason="")
    sentences = advice(story)
    assert len(sentences) == 11
    assert sentences[0] == "`a` failed; see `logs/a.1.log`."
    assert sentences[-1] == "5 more jobs failed; all are in `results_summary.json`."
