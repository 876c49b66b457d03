"""The table of jobs: order, cells, and what of a large run it lists."""

from __future__ import annotations

from msgspec.structs import replace
from support.journals import nightly
from support.pages import ParsedPage, page_of
from support.stories import long_story, on_workers, sales

from orchestrator.report.fold_events import read_report
from orchestrator.report.page.context import PageContext, PastOutcome
from orchestrator.report.page.jobs_table import MOST_TROUBLE, listed_jobs
from orchestrator.report.status import Status


def test_failed_jobs_are_first_and_the_others_follow_in_the_order_of_the_plan() -> None:
    table = [row for row in ParsedPage(page_of(nightly())).table if len(row) == 10]
    assert table[:2] == [
        ["Job", "Status", "Attempts", "Exit", "Start", "Time", "CPU", "Peak memory", "Log", "Reason"],
        ["break", "✗ timed out", "1", "", "3.0s", "2.0s", "250ms", "3.0 MiB", "log", "ran longer than 2s"],
    ]
    assert [row[0] for row in table[2:]] == ["last", "fetch", "build", "pack", "test", "repair", "notify", "all"]
    assert table[2][:2] == ["last", "! failed (allowed)"]
    assert ["repair", "↷ skipped", "", "", "", "", "", "", "", "need break timed out"] in table


def test_the_start_of_a_job_is_a_second_of_the_run_and_numbers_can_be_sorted() -> None:
    html = page_of(sales())
    assert "<td class=n data-v=3.25>3.2s<td class=n data-v=2.75>2.8s" in html
    assert f"<td class=n data-v={3 << 20}>3.0 MiB" in html


def test_earlier_runs_have_a_column_of_their_own() -> None:
    past = {"build": [PastOutcome(Status.SUCCESS, 2.0), PastOutcome(Status.TIMED_OUT, 4.0)]}
    html = page_of(sales(), PageContext(history=past))
    assert '<th scope="col">Earlier runs' in html
    assert "<title>last 3 runs: 2 succeeded, 1 timed out; successes ran 2.0s to 2.8s</title>" in html
    assert html.count('class="spark"') == 1


def test_logs_are_linked_from_where_the_page_is() -> None:
    assert 'href="logs/build.1.log"' in page_of(sales())
    assert 'href="../runs/x/logs/build.1.log"' in page_of(sales(), PageContext(log_base="../runs/x/"))


def test_workflows_that_are_left_out_are_listed_with_the_reason() -> None:
    story = sales()
    assert "left out" not in page_of(story)
    story.plan = replace(story.plan, left_out=tuple((f"w{number}", "it is `manual`") for number in range(202)))
    html = page_of(story)
    assert "<summary>202 workflows left out</summary><ul>\n<li><b>w0</b>: it is <code>manual</code>" in html
    assert "<li>2 more" in html
    assert "202 workflows left out</b>" in html  # at the top too


def test_of_a_large_run_the_failures_and_the_slowest_are_listed() -> None:
    story = long_story(chains=200)
    report = read_report(story.plan, story.events)
    listed, rest = listed_jobs(report)
    assert len(listed) + rest == 2000
    failed = [index for index in listed if report.jobs[index].status is Status.FAILED]
    assert list(listed[: len(failed)]) == failed
    assert len(failed) == 3
    assert MOST_TROUBLE >= 3


def test_hosts_have_a_column_where_attempts_ran_on_workers() -> None:
    assert "Host" not in str(ParsedPage(page_of(nightly())).table)
    table = ParsedPage(page_of(on_workers())).table
    head = next(row for row in table if "Host" in row and row[0] == "Job")
    places = [(row[0], row[head.index("Host")]) for row in table if len(row) == len(head) and row[0][0] in "tfbi"]
    assert places == [("test", "node-1"), ("fetch", "host"), ("build", "node-2"), ("idle", "")]
