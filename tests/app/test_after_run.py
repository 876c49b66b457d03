"""What is remembered of a run that has ended."""

from __future__ import annotations

from support.stories import Story
from support.worlds import job, plan

from orchestrator.app.after_run import seconds_of_matrices
from orchestrator.report.fold_events import RunFold
from orchestrator.report.model import RunReport


def report(seconds: list[float], last: str = "succeeded") -> RunReport:
    """A run with two slots in which each job of a matrix, that had grown, took so many seconds; another took 9."""
    cells = [f"test[s={number}]" for number in range(len(seconds))]
    drafts = [job(cell, workflow="test", expanded_from="test[s=*]") for cell in cells]
    story = Story(plan(*drafts, job("other"), max_parallel_jobs=2))
    for cell, one in zip([*cells, "other"], [*seconds, 9.0], strict=True):
        at = story.events[-1]["at"]
        story.start(cell, at)
        story.end(cell, at + one, last if cell == cells[-1] else "succeeded")
    fold = RunFold(story.plan)
    for event in story.events:
        fold.add(event)
    return fold.report()


def test_a_matrix_is_remembered_by_its_longest_job_or_by_the_work_of_all() -> None:
    assert seconds_of_matrices(report([1.0, 5.0])) == {"test[s=*]": 5.0}
    assert seconds_of_matrices(report([4.0, 4.0, 4.0])) == {"test[s=*]": 6.0}


def test_a_matrix_one_of_whose_jobs_failed_is_not_remembered() -> None:
    assert seconds_of_matrices(report([1.0, 5.0], "failed")) == {}
