"""The last lines at the end of a run: result, counts, use of time, and the commands that are likely to come next."""

from __future__ import annotations

import shlex

import pytest
from msgspec.structs import replace
from support.stories import Story, long_story, sales
from support.worlds import job, plan

from orchestrator.plan.policy_parts import MOST_SLOTS, ClusterPolicy
from orchestrator.report.fold_events import read_report
from orchestrator.report.job_summary import job_summary
from orchestrator.report.markdown import execution_report
from orchestrator.report.model import RunReport
from orchestrator.report.page.header import header
from orchestrator.report.totals import CommandPlace, next_commands, totals, use_of_time


def failed(*names: str, log: bool = True) -> RunReport:
    """A run in which these jobs fail."""
    story = Story(plan(*(job(name) for name in names)))
    for name in names:
        story.start(name, 0.0)
        story.end(name, 1.0, "failed", exit_code=1, **({} if log else {"log": None}))
    story.finish(1.0, "FAILED", 1)
    return read_report(story.plan, story.events)


def test_the_lines_after_a_failure() -> None:
    story = sales()
    assert (
        totals(read_report(story.plan, story.events), ".pexec/runs/R/report.html")
        == """\
FAILED in 8.1s: 3 of 8 jobs succeeded, 1 timed out, 1 lost, 1 allowed failure, 1 cancelled, 1 skipped
1.5x parallel speedup, 75% of 2 slots busy, critical path 7.6s
report: .pexec/runs/R/report.html
next: pexec logs · pexec resume
"""
    )
    story = long_story()
    assert totals(read_report(story.plan, story.events), "R").splitlines() == [
        "FAILED in 16m 40s: 974 of 1000 jobs succeeded, 3 failed, 1 cancelled, 22 skipped",
        "0.2x parallel speedup, 6% of 4 slots busy, critical path 2.7s",
        "report: R",
        "next: pexec logs · pexec resume",
    ]


def test_on_a_narrow_terminal_sentences_are_broken_and_commands_are_not() -> None:
    story = sales()
    report = read_report(story.plan, story.events)
    assert totals(report, "a/long/path/of/a/run/report.html", width=40, colour=True).splitlines() == [
        "\x1b[1;31mFAILED\x1b[0m in 8.1s: 3 of 8 jobs succeeded,",
        "  1 timed out, 1 lost,",
        "  1 allowed failure, 1 cancelled,",
        "  1 skipped",
        "1.5x parallel speedup,",
        "  75% of 2 slots busy,",
        "  critical path 7.6s",
        "report: a/long/path/of/a/run/report.html",
        "next: pexec logs · pexec resume",
    ]


def test_a_short_run_has_no_speedup_and_a_success_nothing_to_do() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.9)
    story.finish(1.9)
    lines = totals(read_report(story.plan, story.events), "R", colour=True)
    assert lines == "\x1b[1;32mSUCCEEDED\x1b[0m in 1.9s: 1 of 1 job succeeded\nreport: R\n"


def test_a_run_without_jobs_says_so() -> None:
    of = replace(plan(), left_out=(("deploy", "`if` is false"),))
    story = Story(of)
    story.finish(0.0)
    assert totals(read_report(of, story.events), "R") == "SUCCEEDED: nothing to run; 1 workflow left out\nreport: R\n"


def test_one_failure_is_named_and_of_several_all_logs_are_shown() -> None:
    assert next_commands(failed("test-4")) == ["pexec logs test-4", "pexec resume --failed"]
    assert next_commands(failed("a", "b")) == ["pexec logs", "pexec resume --failed"]
    assert next_commands(failed("a", log=False)) == ["pexec resume --failed"]


def test_what_never_ran_is_not_left_out_by_the_resume() -> None:
    story = Story(plan(job("a"), job("b")))
    story.start("a", 0.0)
    story.end("a", 1.0, "failed", exit_code=1)
    story.settle("b", 1.0, "cancelled", "`a` failed")
    story.finish(1.0, "FAILED", 1)
    assert next_commands(read_report(story.plan, story.events)) == ["pexec logs a", "pexec resume"]


@pytest.mark.parametrize("name", ["test (3.11, 'a b')", "$(rm -rf x)", "-x", "a\x1b[2J"])
def test_a_command_can_be_pasted_whatever_a_job_is_called(name: str) -> None:
    command = next_commands(failed(name))[0]
    assert command.isprintable()
    named = name.isprintable() and not name.startswith("-")
    assert shlex.split(command) == ["pexec", "logs", *([name] if named else [])]


def test_a_command_names_what_its_default_would_miss() -> None:
    place = CommandPlace(directory="sub dir", run_root="/tmp/runs", run_id="20260102")
    assert next_commands(failed("a"), place) == [
        "pexec -C 'sub dir' logs --run 20260102 a --run-root /tmp/runs",
        "pexec -C 'sub dir' resume 20260102 --failed --run-root /tmp/runs",
    ]


def test_on_a_cluster_of_unknown_size_there_is_no_share_of_busy_slots() -> None:
    story = sales()
    known = read_report(story.plan, story.events)
    cluster = ClusterPolicy("lab", address="tls://head:8786")
    unknown = replace(
        known,
        plan=replace(known.plan, policy=replace(known.plan.policy, cluster=cluster)),
        max_parallel_jobs=MOST_SLOTS,
    )
    assert use_of_time(unknown) == "1.5x parallel speedup, critical path 7.6s"
    assert use_of_time(replace(unknown, max_parallel_jobs=2)) == use_of_time(known)
    assert "busy" not in job_summary(unknown, {}, 1 << 20)
    assert "Utilization" not in execution_report(unknown)
    assert "busy" not in "".join(header(unknown))
