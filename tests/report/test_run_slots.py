"""How many jobs could run at once, where a resume changed that or ran elsewhere."""

from __future__ import annotations

from msgspec.structs import replace
from support.stories import Story
from support.worlds import job, plan

from orchestrator.plan.model import Plan
from orchestrator.plan.policy_parts import MOST_SLOTS, ClusterPolicy
from orchestrator.report.fold_events import read_report
from orchestrator.report.model import RunReport


def drawn(slots: int, cluster: ClusterPolicy | None = None) -> Plan:
    of = plan(job("a"), job("b"), max_parallel_jobs=slots)
    return replace(of, policy=replace(of.policy, cluster=cluster))


def resumed(of: Plan, slots: int, *, workers: bool, seen_by: Plan | None = None) -> RunReport:
    """A run whose job `a` took 2 s; after a resume with other slots, `b` took 2 s too."""
    story = Story(of)
    if workers:
        story.join("w1", "node-1", 0.0)
    story.start("a", 0.0)
    story.end("a", 2.0)
    story.resume(2.0, max_parallel_jobs=slots)
    story.start("b", 2.0)
    story.end("b", 4.0)
    story.finish(4.0, "SUCCESS", 0)
    return read_report(seen_by or of, story.events)


def test_the_slots_of_a_run_are_those_that_it_has_now_and_were_busy_as_long_as_they_were_there() -> None:
    report = resumed(drawn(1), 4, workers=False)
    assert (report.max_parallel_jobs, report.has_known_slots, report.summary.utilisation) == (4, True, 0.4)


def test_a_run_that_began_on_a_cluster_of_unknown_size_has_no_known_slots_at_home() -> None:
    lab = drawn(MOST_SLOTS, ClusterPolicy("lab", address="tcp://localhost:1"))
    for seen_by in (lab, drawn(2)):  # the plan of the run, and that of the resume
        report = resumed(lab, 2, workers=True, seen_by=seen_by)
        assert (report.max_parallel_jobs, report.has_known_slots) == (2, False)
    report = resumed(lab, 2, workers=False)
    assert (report.max_parallel_jobs, report.has_known_slots) == (2, True)


def test_a_cluster_of_known_size_has_known_slots() -> None:
    report = resumed(drawn(MOST_SLOTS, ClusterPolicy("pair", 10, 100)), 2, workers=True)
    assert report.has_known_slots
