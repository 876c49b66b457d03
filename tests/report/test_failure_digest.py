"""What went wrong in a run, at its end: failures with the ends of their logs, everything else folded."""

from __future__ import annotations

import re

from msgspec.structs import replace
from support.stories import Story, long_story, sales
from support.worlds import job, plan

from orchestrator.plan.model import RetryPolicy
from orchestrator.report.failure_digest import Look, digest, tails_wanted
from orchestrator.report.fold_events import read_report
from orchestrator.report.last_lines import LastLines
from orchestrator.report.model import RunReport

PLAIN = Look(utf8=True, colour=False)


def report_of(story: Story) -> RunReport:
    return read_report(story.plan, story.events)


def failing(number: int, *, allowed: bool = False) -> RunReport:
    """A run in which this many jobs fail."""
    story = Story(plan(*(job(f"j{index}", allow_failure=allowed) for index in range(number))))
    for index in range(number):
        story.start(f"j{index}", 0.0)
        story.end(f"j{index}", 1.5, "failed", exit_code=1, reason="exit code 1", allowed=allowed)
    story.finish(1.5, "SUCCESS" if allowed else "FAILED", 0 if allowed else 1)
    return report_of(story)


def test_each_failure_has_the_end_of_its_log_and_what_follows_from_it_is_folded() -> None:
    tails = {
        "logs/audit-b.1.log": LastLines(["reading", "still reading"], is_whole=True),
        "logs/load.1.log": LastLines(["line 2"], is_whole=False),
    }
    assert (
        digest(report_of(sales()), tails, ".pexec/runs/R", PLAIN)
        == """\
✗ audit | <b>  timed out after 4.0s: ran longer than 4 s
    | reading
    | still reading
    log: .pexec/runs/R/logs/audit-b.1.log
✗ load         was lost after 2.1s: the warden is gone
    | line 2
    last 1 line of .pexec/runs/R/logs/load.1.log
! lint         failed, allowed: exit code 2
⊘ notes cancelled before starting: cancelled by the user
↷ publish skipped because load was lost
"""
    )


def test_without_utf8_the_symbols_are_words() -> None:
    text = digest(report_of(sales()), {}, "R", Look(utf8=False, colour=False))
    assert text.isascii()
    assert [line.split()[0] for line in text.splitlines()] == ["FAIL", "FAIL", "!", "stop", "->"]


def test_colours_do_not_change_the_text() -> None:
    tails = {"logs/load.1.log": LastLines(["line"], is_whole=True)}
    coloured = digest(report_of(sales()), tails, "R", Look(utf8=True, colour=True))
    assert "\x1b[31m✗\x1b[0m load " in coloured
    assert "\x1b[33m!\x1b[0m lint " in coloured
    assert "\x1b[2m↷\x1b[0m publish " in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == digest(report_of(sales()), tails, "R", PLAIN)


def test_a_single_failure_has_a_long_tail_and_only_ten_failures_have_one() -> None:
    assert tails_wanted(failing(1)) == {"logs/j0.1.log": 40}
    assert tails_wanted(failing(2)) == {"logs/j0.1.log": 15, "logs/j1.1.log": 15}
    assert list(tails_wanted(failing(40))) == [f"logs/j{index}.1.log" for index in range(10)]
    assert tails_wanted(failing(3, allowed=True)) == {}


def test_more_failures_than_fit_are_counted() -> None:
    lines = digest(failing(33), {}, "R", PLAIN).splitlines()
    assert lines[0] == "✗ j0   failed after 1.5s: exit code 1"
    assert lines[29:] == ["✗ j29  failed after 1.5s: exit code 1", "✗ 3 more failures"]
    assert digest(failing(31, allowed=True), {}, "R", PLAIN).splitlines()[-1] == "! 1 more allowed failure"


def test_it_says_which_attempt_failed_where_there_may_be_several() -> None:
    story = Story(
        plan(
            job("used-up", retry=RetryPolicy(max_attempts=2)),
            job("no-retry", retry=RetryPolicy(max_attempts=3, on_failed=False)),
            job("once"),
        )
    )
    story.start("used-up", 0.0)
    story.end("used-up", 0.25, "failed", exit_code=1, retry_at=1.25)
    story.start("used-up", 1.25)
    for name in ("no-retry", "once"):
        story.start(name, 0.5)
    for name in ("used-up", "no-retry", "once"):
        story.end(name, 1.5, "failed", exit_code=1, reason="exit code 1")
    story.finish(2.0, "FAILED", 1)
    assert digest(report_of(story), {}, "R", PLAIN).splitlines() == [
        "✗ used-up   failed after 1.5s (1.0s waiting): exit code 1 (attempt 2 of 2)",
        "✗ no-retry  failed after 1.0s: exit code 1 (attempt 1 of 3)",
        "✗ once      failed after 1.0s: exit code 1",
    ]
    story.resume(3.0)
    story.start("used-up", 3.0)
    story.end("used-up", 4.0, "failed", exit_code=1, reason="exit code 1")
    story.finish(4.0, "FAILED", 1)
    assert digest(report_of(story), {}, "R", PLAIN) == "✗ used-up  failed after 1.0s: exit code 1 (attempt 3)\n"


def test_a_thousand_skipped_jobs_are_one_line_for_each_cause() -> None:
    story = Story(plan(job("a"), *(job(f"b{index}", needs="a") for index in range(1000))))
    story.start("a", 0.0)
    story.end("a", 1.0, "failed", exit_code=1, reason="exit code 1")
    for index in range(1000):
        story.settle(f"b{index}", 1.0, "skipped", "need `a` failed")
    story.finish(1.0, "FAILED", 1)
    assert digest(report_of(story), {}, "R", PLAIN) == (
        "✗ a  failed after 1.0s: exit code 1\n↷ 1000 jobs skipped because a failed\n"
    )
    lines = digest(report_of(long_story()), {}, "R", PLAIN).splitlines()
    ids = [one.id for one in long_story().plan.jobs]
    assert lines[4:] == [
        f"↷ 9 jobs skipped because {ids[7]} failed",
        f"↷ 9 jobs skipped because {ids[8]} failed",
        f"↷ 4 jobs skipped because {ids[509]} failed",
    ]


def test_many_causes_of_skipped_jobs_are_folded_too() -> None:
    names = [f"a{index}" for index in range(7)]
    story = Story(plan(*(job(name) for name in names), *(job(f"after-{name}", needs=name) for name in names)))
    for name in names:
        story.start(name, 0.0)
        story.end(name, 1.0, "failed", exit_code=1)
        story.settle(f"after-{name}", 1.0, "skipped", f"need `{name}` failed")
    story.finish(1.0, "FAILED", 1)
    lines = digest(report_of(story), {}, "R", PLAIN).splitlines()
    assert lines[7] == "↷ after-a0 skipped because a0 failed"
    assert lines[12:] == ["↷ 2 more jobs skipped because of 2 other jobs"]


def test_jobs_of_an_interrupted_run_are_folded_by_whether_they_ran() -> None:
    names = ("train", "build", *(f"later{index}" for index in range(5)))
    story = Story(plan(*(job(name) for name in names)))
    for name in ("train", "build"):
        story.start(name, 0.0)
    story.emit("cancel.requested", 1.0, reason="user", force=False, job=None)
    for name in names[2:]:
        story.settle(name, 1.0, "cancelled", "the run was cancelled")
    for name in ("train", "build"):
        story.end(name, 2.0, "killed", signal="SIGTERM", reason="the run was cancelled")
    story.finish(2.0, "CANCELLED", 130)
    assert digest(report_of(story), {}, "R", PLAIN) == (
        "⊘ 2 jobs cancelled while running\n⊘ 5 jobs cancelled before starting\n"
    )


def test_a_success_has_nothing_to_digest_but_its_allowed_failures() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.finish(1.0)
    assert digest(report_of(story), {}, "R", PLAIN) == ""
    assert digest(failing(1, allowed=True), {}, "R", PLAIN) == "! j0  failed, allowed: exit code 1\n"


def test_names_and_reasons_drive_no_terminal() -> None:
    story = Story(plan(job("a\x1b[2J")))
    story.start("a\x1b[2J", 0.0)
    story.end("a\x1b[2J", 1.0, "failed", exit_code=1, reason="x\r\ny\x07")
    story.finish(1.0, "FAILED", 1)
    text = digest(report_of(story), {"logs/a-2J.1.log": LastLines(["x"], is_whole=True)}, "R\x1b", PLAIN)
    assert text.replace("\n", "").isprintable()


def test_what_skipped_jobs_that_run_only_after_failures_is_that_none_failed() -> None:
    story = Story(plan(job("a"), job("alert", needs="a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.settle("alert", 1.0, "skipped", "no need failed")
    story.finish(1.0)
    assert digest(replace(report_of(story)), {}, "R", PLAIN) == "↷ alert skipped because no need failed\n"
