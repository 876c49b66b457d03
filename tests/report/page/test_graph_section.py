"""The dependency graph in a page: jobs of a small run, bands of levels of a large one."""

from __future__ import annotations

import re

from support.dags import plan_of
from support.pages import ParsedPage, busy_plan, busy_story, page_of
from support.stories import Story, long_story
from support.worlds import job, plan

from orchestrator.plan.model import Policy
from orchestrator.report.fold_events import read_report
from orchestrator.report.page.badges import status_badge
from orchestrator.report.page.graph_nodes import MOST_BANDS, MOST_EDGES, graph_of
from orchestrator.report.page.graph_section import graph_section
from orchestrator.report.status import Status


def section(story: Story) -> str:
    return "\n".join(graph_section(read_report(story.plan, story.events)))


def test_each_job_is_a_node_with_its_status_and_a_link_to_its_row() -> None:
    story = busy_story(12)
    html = section(story)
    assert html.count('<a href="#j') == 12
    assert "<title>package-8: failed, needs test-4 test-5</title>" in html
    assert re.findall(r'<text class="bad" [^>]*>(.)', html) == ["✗"]
    assert html.count('class="edge') == sum(len(one.needs) for one in story.plan.jobs)
    assert html.count('class="edge crit"') == 3  # between the four jobs of the critical path
    assert "12 jobs in 4 levels; thick: the critical path" in html


def test_jobs_without_dependencies_need_no_drawing() -> None:
    assert "No job depends on another." in section(Story(plan(job("a"), job("b"))))
    assert "There is one job." in section(Story(plan(job("a"))))
    assert section(Story(plan())) == ""


def test_soft_order_is_dashed_and_explained() -> None:
    story = Story(plan_of([(), (0,)]))
    assert "dashed" not in section(story)
    soft = Story(plan(job("a"), job("b", after="a")))
    assert 'class="edge soft"' in section(soft)
    assert "; dashed: only the order" in section(soft)


def test_a_large_run_is_drawn_by_bands_of_levels() -> None:
    html = section(busy_story(2000))
    assert "folded by level" in html
    texts = "".join(ParsedPage(html).texts)
    assert "Levels 1-5" in texts
    assert "100 jobs" in texts
    assert len(re.findall('class="node', html)) <= MOST_BANDS
    assert "#j" not in html


def test_the_badge_of_a_band_is_that_of_its_worst_job() -> None:
    of = long_story().plan
    badges = [status_badge(Status.SUCCESS)] * 1000
    assert {node.kind for node in graph_of(of, badges).nodes} == {"ok"}
    badges[0] = status_badge(Status.FAILED, allowed=True)
    assert [node.kind for node in graph_of(of, badges).nodes][:2] == ["warn", "ok"]
    badges[1] = status_badge(Status.TIMED_OUT)
    found = graph_of(of, badges).nodes[0]
    assert found.kind == "bad"
    assert found.lines == ("Level 1", "100 jobs", "1 timed out", "1 failed (allowed)", "98 succeeded")
    assert graph_of(of, None).nodes[0].lines == ("Level 1", "100 jobs")


def test_few_jobs_with_very_many_dependencies_are_folded_too() -> None:
    waits = [tuple(range(60)) if number >= 60 else () for number in range(120)]
    assert MOST_EDGES < 60 * 60
    assert graph_of(plan_of(waits, policy=Policy()), None).is_folded
    assert not graph_of(busy_plan(120, 20), None).is_folded


def test_a_page_of_a_large_run_says_why_jobs_were_skipped() -> None:
    assert "<summary>Skipped jobs</summary>" in page_of(long_story())
