"""When each worker of a run joined and left, and how much it did."""

from __future__ import annotations

from support.pages import ParsedPage, page_of
from support.stories import Story, on_workers, sales
from support.worlds import job, plan

from orchestrator.report.fold_events import read_report
from orchestrator.report.markdown import MOST_WORKERS, execution_report
from orchestrator.report.workers import WorkerReport


def test_a_worker_has_its_attempts_and_its_share_until_it_leaves_or_the_run_ends() -> None:
    story = on_workers()
    first, second, third = read_report(story.plan, story.events).workers
    assert first == WorkerReport("w1", "node-1", 1, 0.0, 1.0, "its process ended", 1, 1.0)
    assert second == WorkerReport("w2", "node-2", 2, 1.0, None, "", 1, 1.0)
    assert (third.attempts, third.busy, third.left_at) == (1, 0.0, None)
    assert [one.share(3.0) for one in (first, second, third)] == [1.0, 0.25, 0.0]
    story.finish(4.0, "FAILED", 1)
    assert [one.left_at for one in read_report(story.plan, story.events).workers] == [1.0, 4.0, 4.0]


def test_a_worker_is_busy_with_the_attempts_that_run_there() -> None:
    story = Story(plan(job("a"), job("b")))
    story.join("w1", "node-1", 0.0, slots=2)
    story.start("a", 1.0, host="node-1", worker="w1")
    story.start("b", 3.0, host="node-1", worker="w1")
    (one,) = read_report(story.plan, story.events).workers
    assert (one.running, one.share(4.0)) == (2, 0.5)
    story.end("a", 4.0)
    (one,) = read_report(story.plan, story.events).workers
    assert (one.running, one.share(5.0)) == (1, 0.5)
    story.resume(6.0)
    (one,) = read_report(story.plan, story.events).workers
    assert (one.running, one.running_since, one.share(9.0)) == (0, 0.0, 0.25)


def test_a_resume_ends_the_workers_of_the_process_before() -> None:
    story = on_workers()
    story.resume(4.0)
    assert [one.left_at for one in read_report(story.plan, story.events).workers] == [1.0, 4.0, 4.0]


def test_reports_have_a_table_of_workers_if_there_were_any() -> None:
    assert "## Workers" not in execution_report(read_report(sales().plan, sales().events))
    assert 'id="workers"' not in page_of(sales())
    story = on_workers()
    text = execution_report(read_report(story.plan, story.events))
    assert "| `w1` | `node-1` | 1 | 1 | 100% | 0ms | 1.0s | `its process ended` |" in text
    rows = ParsedPage(page_of(story)).table
    assert ["w3", "node-1", "1", "1", "1", "0%", "3.0s", "", ""] in rows
    story.finish(4.0, "FAILED", 1)
    rows = ParsedPage(page_of(story)).table
    assert ["w1", "node-1", "1", "1", "100%", "0ms", "1.0s", "its process ended"] in rows
    assert '<a href="#workers">Workers</a>' in page_of(story)


def test_of_very_many_workers_the_first_are_listed() -> None:
    story = Story(plan(job("a")))
    for number in range(MOST_WORKERS + 2):
        story.join(f"w{number}", "node", 0.0)
    text = execution_report(read_report(story.plan, story.events))
    assert "2 more workers joined later." in text
    assert "<p>2 more workers joined later.</p>" in page_of(story)
