"""How many jobs ended how: the numbers add up to the total, at any moment of any run, in one wording everywhere."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.drawn_runs import STEPS, Steps, drawn_run, plans
from support.stories import RUN_ID, Story, sales
from support.worlds import plan

from orchestrator.plan.model import Plan
from orchestrator.report.counts import JobCounts, failures
from orchestrator.report.fold_events import RunFold, read_report
from orchestrator.report.markdown import execution_report
from orchestrator.report.progress import Progress
from orchestrator.report.progress_text import snapshot_text
from orchestrator.report.runs_table import runs_table
from orchestrator.report.status import Status
from orchestrator.report.totals import totals


def numbers(text: str) -> tuple[int, list[int]]:
    """The total of a text of counts, and its parts."""
    found = re.match(r"(\d+) of (\d+) jobs? succeeded(?: \((\d+) up to date\))?(.*)", text)
    assert found is not None, text
    succeeded, total, up_to_date, rest = found.groups()
    assert 0 < int(up_to_date or 1) <= max(1, int(succeeded))
    parts = rest.partition(";")[0].removeprefix(", ").split(", ") if rest.partition(";")[0] else []
    return int(total), [int(succeeded), *(int(part.split()[0]) for part in parts)]


@given(plans(), STEPS, st.floats(0, 1))
def test_the_parts_add_up_to_the_total_at_any_moment_of_any_run(of: Plan, steps: Steps, share: float) -> None:
    measured = {
        "duration_seconds": 1.0, "cpu_seconds": 0.0, "max_rss_bytes": 0, "log": "", "log_bytes": 0, "dropped_bytes": 0,
        "leftover_killed": 0, "enforced_by": {}, "exit_code": None, "signal": None,
    }  # fmt: skip
    events = [measured | event for event in drawn_run(of, steps)]
    fold = RunFold(of)
    for event in events[: 1 + int(share * (len(events) - 1))]:
        fold.add(event)
    counts = fold.report().job_counts
    assert counts.total == len(of.jobs)
    total, parts = numbers(str(counts))
    assert sum(parts) == total == len(of.jobs)
    assert all(parts[1:]), "no part is 0"
    assert sum(number for number, _ in counts.parts()) == total


@given(
    st.dictionaries(st.sampled_from(list(Status)), st.integers(0, 5)),
    st.integers(0, 5),
    st.booleans(),
    st.integers(0, 2),
)
def test_a_failure_that_is_allowed_is_counted_once(
    statuses: dict[Status, int], allowed: int, driven: bool, left_out: int
) -> None:
    of_them = {Status.FAILED: min(allowed, statuses.get(Status.FAILED, 0))}
    counts = JobCounts(statuses, of_them, driven, left_out)
    total, parts = numbers(str(counts))
    assert sum(parts) == total == sum(statuses.values())
    assert str(counts).endswith(" left out") == bool(left_out)
    failed = sum(statuses.get(status, 0) for status in (Status.FAILED, Status.TIMED_OUT, Status.LOST))
    assert failures(counts) == failed - of_them[Status.FAILED]


def test_every_place_has_the_same_words() -> None:
    story = sales()
    of = replace(story.plan, left_out=(("deploy", "manual"),))
    progress = Progress(of, RUN_ID)
    for event in story.events:
        progress.add(event)
    counts = (
        "3 of 8 jobs succeeded, 1 timed out, 1 lost, 1 allowed failure, 1 cancelled, 1 skipped; 1 workflow left out"
    )
    assert str(read_report(of, story.events).job_counts) == counts
    assert f": {counts}\n" in totals(read_report(of, story.events), "R")
    assert f"\n{counts}\n" in snapshot_text(progress.snapshot(0.0, driven=False))
    assert runs_table([progress.head(0.0, driven=False)]).endswith(f"{counts}\n")
    report = execution_report(read_report(of, story.events))
    assert "| Total jobs | 8 |\n| Succeeded | 3 |\n| Timed out | 1 |\n| Lost | 1 |\n| Allowed failure | 1 |" in report
    assert "| Cancelled | 1 |\n| Skipped | 1 |\n| Left out | 1 workflow |\n" in report


def test_the_jobs_of_an_interrupted_run_have_not_all_ended() -> None:
    counts = {Status.SUCCESS: 1, Status.RUNNING: 1, Status.PENDING: 2}
    assert str(JobCounts(counts, {}, driven=True)) == "1 of 4 jobs succeeded, 1 running, 2 waiting"
    assert str(JobCounts(counts, {})) == "1 of 4 jobs succeeded, 1 interrupted, 2 not started"


def test_a_run_without_jobs_has_no_parts() -> None:
    story = Story(plan())
    story.finish(0.0)
    assert str(read_report(story.plan, story.events).job_counts) == "0 of 0 jobs succeeded"
