"""execution_report.md: the whole of it for a small run, its figures, and its size for a large one."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace
from support.dags import plan_of
from support.stories import Story, every_event, long_story, on_workers, sales
from support.worlds import job, plan

from orchestrator.report.fold_events import RunFold, read_report
from orchestrator.report.markdown import execution_report
from orchestrator.report.results import results_summary
from orchestrator.report.status import Status, result_word
from orchestrator.report.times import job_time

GOLDEN = Path(__file__).parent / "golden" / "execution_report.md"
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
SECTIONS = [
    "Execution Summary",
    "Performance Metrics",
    "Execution Times",
    "Job Details",
    "Log Files",
    "Recommendations",
]


def tables(text: str) -> list[list[list[str]]]:
    """Table -> row -> cell, as a reader of the rendered page sees them, without the heads."""
    found: list[list[list[str]]] = []
    inside = False
    for token in MARKDOWN.parse(text):
        if token.type in ("tbody_open", "tbody_close"):
            inside = token.type == "tbody_open"
            found += [[]] * inside
        elif inside and token.type == "tr_open":
            found[-1] = [*found[-1], []]
        elif inside and token.type == "inline":
            found[-1][-1].append("".join(child.content for child in token.children or ()))
    return found


def numbers(cell: str) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", cell)]


def test_the_report_of_a_small_run() -> None:
    story = sales()
    assert execution_report(read_report(story.plan, story.events)) == GOLDEN.read_text(encoding="utf-8")


def test_the_report_of_a_large_run() -> None:
    story = long_story()
    golden = GOLDEN.with_name("large_execution_report.md")
    assert execution_report(read_report(story.plan, story.events)) == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "story", [sales(), every_event(plan(job("a"))), Story(plan()), Story(plan(job("a")))], ids=lambda story: None
)
def test_every_report_has_all_sections(story: Story) -> None:
    text = execution_report(read_report(story.plan, story.events))
    sections = SECTIONS[:-1] + ["Workers"] * ("| Worker |" in text) + SECTIONS[-1:]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == sections
    assert "\n\n\n" not in text
    assert text.endswith("\n")


@pytest.mark.parametrize("story", [sales(), every_event(plan(job("a")))], ids=["sales", "all"])
def test_its_numbers_are_those_of_the_results(story: Story) -> None:
    report = read_report(story.plan, story.events)
    results: dict[str, Any] = results_summary(report)
    found = tables(execution_report(report))
    facts, metrics = dict(found[0]), dict(found[1])
    summary = results["summary"]
    assert facts["Result"].split(" (")[0] == result_word(results["execution_result"]).capitalize()
    statuses = Counter((one["status"], one["allowed"]) for one in results["jobs"])
    counts = {
        "Succeeded": statuses["SUCCESS", False],
        "Failed": statuses["FAILED", False],
        "Timed out": statuses["TIMED_OUT", False],
        "Lost": statuses["LOST", False],
        "Allowed failure": summary["allowed_failures"],
        "Cancelled": summary["cancelled_jobs"],
        "Skipped": summary["skipped_jobs"],
    }
    assert {name: int(facts.get(name, 0)) for name in counts} == counts
    assert int(facts["Total jobs"]) == sum(counts.values()) == summary["total_jobs"]
    assert counts["Failed"] + counts["Timed out"] + counts["Lost"] == summary["failed_jobs"]
    measured = {
        "Wall time": summary["wall_time_seconds"],
        "Total execution time": summary["total_execution_time_seconds"],
        "Average execution time": summary["average_execution_time_seconds"],
        "Critical path": summary["critical_path_seconds"],
        "Retries": summary["retries"],
    }
    assert ("Utilization" in metrics) == ("Parallel speedup" in metrics) == (summary["wall_time_seconds"] >= 2)
    if summary["wall_time_seconds"] >= 2:
        assert metrics["Parallel speedup"] == f"{summary['speed_up']:.1f}x"
        used, slots = numbers(metrics["Utilization"])
        assert abs(used / 100 - summary["utilisation"]) <= 0.005
        assert slots == results["max_parallel_jobs"]
    assert {name: numbers(metrics[name])[0] for name in measured} == measured
    assert round(numbers(metrics["Success Rate"])[0] / 100, 4) == summary["success_rate"]
    times = [job_time(report, index) for index in range(len(report.jobs))]
    assert [
        (name, status.removesuffix(" (allowed)"), int(attempts), time, reason)
        for name, status, attempts, _, time, reason in found[3]
    ] == [
        (one["job_id"], Status[one["status"]].words, one["attempts"], "" if took is None else str(took), one["reason"])
        for one, took in zip(results["jobs"], times, strict=True)
    ]


def test_what_users_wrote_is_text_and_never_markup() -> None:
    evil = "<script>alert(1)</script> | [x](javascript:x) `` ` # \n\n## Recommendations\n\n![](https://example.org/x)\x1b[31m"
    story = Story(replace(plan(job(evil)), name=evil))
    story.start(evil, 0.0)
    story.end(evil, 1.0, "failed", exit_code=1, reason=evil)
    story.finish(1.0, "FAILED", 1)
    text = execution_report(read_report(story.plan, story.events))
    page = MARKDOWN.parse(text)
    inner = [child.type for token in page for child in token.children or ()]
    assert set(inner) <= {"text", "code_inline"}
    assert [token.type for token in page if token.type.startswith("html")] == []
    heads = [after.content for token, after in pairwise(page) if token.type == "heading_open"]
    assert heads[1:] == SECTIONS
    assert "\x1b" not in text


def test_the_report_of_a_large_run_is_small_and_has_what_went_wrong() -> None:
    of = plan_of([()] * 5_000)
    fold = RunFold(of)
    story = Story(of)
    for number, one in enumerate(of.jobs):
        story.start(one.id, float(number))
        if number % 1000 == 7:
            story.end(one.id, number + 0.5, "failed", exit_code=1, reason="exit code 1")
        else:
            story.end(one.id, number + 0.5)
    for event in story.events:
        fold.add(event)
    text = execution_report(fold.report())
    assert len(text) < 8_000
    assert text.count("| failed |") == 5
    assert "4980 more jobs took less time." in text
    assert "4995 more jobs not shown; all are in `results_summary.json`." in text


def test_a_large_run_shows_its_levels_in_bands_and_the_causes_of_skips() -> None:
    story = long_story()
    text = execution_report(read_report(story.plan, story.events))
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        *SECTIONS[:2],
        "Levels",
        *SECTIONS[2:4],
        "Skipped jobs",
        *SECTIONS[4:],
    ]
    found = tables(text)
    assert found[2][0] == ["1", "100", "98", "2", "0", "0", "1m 39s"]
    assert found[2][9] == ["10", "100", "96", "0", "3", "1", "1m 40s"]
    assert [row[:2] for row in found[4]] == [["h", "failed"], ["i", "failed"], ["sp", "failed"], ["all", "cancelled"]]
    assert found[5] == [["h", "failed", "9"], ["i", "failed", "9"], ["sp", "failed", "4"]]


@pytest.mark.parametrize(
    ("deep", "lines", "last"), [(24, 24, "24"), (25, 13, "25"), (3000, 15, "2801-3000"), (100, 20, "96-100")]
)
def test_however_deep_a_graph_is_its_levels_take_few_lines(deep: int, lines: int, last: str) -> None:
    wide = 1 + 100 // deep
    of = plan_of([(number - wide,) if number >= wide else () for number in range(deep * wide)])
    levels = tables(execution_report(read_report(of, Story(of).events)))[2]
    assert (len(levels), levels[-1][0]) == (lines, last)
    assert sum(int(row[1]) for row in levels) == deep * wide
    assert {row[-1] for row in levels} == {"-"}


@pytest.mark.cost
def test_a_report_of_thousands_of_long_failures_stays_small() -> None:
    of = plan(*(job(f"a-rather-long-name-of-a-job-in-a-workflow-{number}") for number in range(3000)))
    story = Story(of)
    for number, one in enumerate(of.jobs):
        story.start(one.id, float(number))
        story.end(one.id, number + 0.5, "failed", exit_code=1, reason="it failed for a reason that takes long " * 50)
    text = execution_report(read_report(of, story.events))
    assert len(text) < 50_000
    assert (
        "2900 more jobs not shown, of which 2900 failed, timed out or were lost; all are in `results_summary.json`."
        in text
    )


def test_a_long_critical_path_is_folded() -> None:
    of = plan_of([(index - 1,) if index else () for index in range(100)])
    story = Story(of)
    for number, one in enumerate(of.jobs):
        story.start(one.id, float(number))
        story.end(one.id, number + 1.0)
    path = re.search(r"^Critical path: (.*)\.$", execution_report(read_report(of, story.events)), re.MULTILINE)
    assert path is not None
    assert path[1] == "`a` → `b` → `c` → `d` → `e` → `f` → 88 more → `cq` → `cr` → `cs` → `ct` → `cu` → `cv`"


def test_hosts_are_named_where_attempts_ran_on_workers_or_before_a_resume_elsewhere() -> None:
    assert "| Host |" not in execution_report(read_report(sales().plan, sales().events))
    story = on_workers()
    text = execution_report(read_report(story.plan, story.events))
    assert "| Job | Status | Attempts | Exit | Time | Host | Reason |" in text
    assert "| `build` | succeeded | 2 | 0 | 3.0s (1.0s waiting) | `node-2` |  |" in text
    moved = Story(plan(job("a"), job("b")))
    moved.start("a", 0.0)
    moved.end("a", 1.0)
    moved.resume(1.0, host="another")
    moved.start("b", 1.0, host="another")
    moved.end("b", 2.0)
    details = tables(execution_report(read_report(moved.plan, moved.events)))[3]
    assert [(row[0], row[5]) for row in details] == [("a", "host"), ("b", "another")]
