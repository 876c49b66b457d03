"""Failures in a page: what failed and why, the end of its log, and what was skipped because of it."""

from __future__ import annotations

import re

from support.journals import nightly
from support.pages import ParsedPage, page_of
from support.stories import Story, long_story, sales
from support.worlds import job, plan

from orchestrator.report.failed_attempts import FailedAttempts
from orchestrator.report.fold_events import read_report
from orchestrator.report.log_tail import LogTail
from orchestrator.report.page.context import PageContext
from orchestrator.report.page.failures import LONGEST_LINE, TAIL_LINES, cut_tail, failures_of, logs_shown


def section(story: Story, context: PageContext | None = None) -> str:
    text = page_of(story, context or PageContext())
    return text.partition('<section id="failures">')[2].partition("</section>")[0]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", "".join(ParsedPage(html).texts))


def failed_of(story: Story) -> FailedAttempts:
    failed = FailedAttempts()
    for event in story.events:
        failed.add(event)
    return failed


def test_failed_jobs_come_first_then_allowed_failures_then_what_succeeded_at_last() -> None:
    for story, order in (
        (sales(), ["audit | <b>", "load", "lint", "fetch"]),
        (nightly(), ["break", "last", "fetch"]),
    ):
        found = failures_of(read_report(story.plan, story.events), failed_of(story))
        assert [one.job.job_id for one in found] == order


def test_a_failure_has_its_reason_and_the_end_of_its_log() -> None:
    context = PageContext(tails={"logs/load.1.log": LogTail("one <two>\nthree", 2048)})
    html = section(sales(), context)
    said = words(html)
    assert "load ✗ lost: the warden is gone after 2.1s" in said
    assert "The last 2 lines; 2.0 KiB before." in said
    assert "<details open><summary>" in html
    assert 'aria-label="End of logs/load.1.log">one &lt;two&gt;\nthree</pre>' in html
    assert "1 allowed failure" in said
    assert "1 job that succeeded after a failed attempt" in said
    assert "Attempt 1: ✗ failed, exit code 7, logs/fetch.1.log" in said


def test_a_failure_counts_the_jobs_that_were_skipped_because_of_it() -> None:
    assert "h ✗ failed: for 7 after 500ms 9 jobs skipped because of it. logs/h.1.log" in words(section(long_story()))


def test_a_run_without_failures_has_no_such_section() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.finish(1.0)
    assert section(story) == ""


def test_the_logs_of_the_failures_that_are_shown_are_read() -> None:
    story = long_story()
    report = read_report(story.plan, story.events)
    assert logs_shown(report, failed_of(story)) == ["logs/h.1.log", "logs/i.1.log", "logs/sp.1.log"]


def test_a_tail_is_cut_at_lines_and_length_and_what_is_missing_is_counted() -> None:
    text = "\n".join(f"line {number}" for number in range(100))
    cut = cut_tail(LogTail(text, 1000))
    assert cut.text.split("\n")[0] == f"line {100 - TAIL_LINES}"
    assert cut.omitted == 1000 + len(text) - len(cut.text)
    long = cut_tail(LogTail("x" * 5000, 0))
    assert len(long.text) == LONGEST_LINE
    assert cut_tail(LogTail("short", 0)) == LogTail("short", 0)


def test_of_very_many_attempts_the_latest_are_shown_and_the_others_counted() -> None:
    story = Story(plan(job("a")))
    for attempt in range(12):
        story.start("a", float(attempt))
        retry_at = attempt + 1.0 if attempt < 11 else None
        story.end("a", attempt + 0.5, "failed", reason="exit code 1", retry_at=retry_at)
    story.finish(12.0, "FAILED", 1)
    said = words(section(story))
    assert "Attempt 12: " in said
    assert "Attempt 2: " not in said
    assert "2 earlier attempts not shown." in said
