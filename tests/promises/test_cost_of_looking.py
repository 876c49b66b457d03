"""What it costs to look at a large run: CPU time, beside `json.loads` of every line of its journal in this process.

A ratio, and the least of several rounds, since machines differ and are busy: see `support.costs`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.costs import times_dearer
from support.recorded_runs import record
from support.stories import Story

from benchmarks import formats
from benchmarks.graphs import layers
from orchestrator.app.find_run import Look
from orchestrator.app.planning import plan_manifest
from orchestrator.app.summary import load_summary
from orchestrator.journal.rundir import RunDir, open_run
from orchestrator.report.fold_events import RunFold
from orchestrator.report.html import html_report
from orchestrator.report.markdown import execution_report
from orchestrator.report.progress import Progress
from orchestrator.report.progress_text import snapshot_text
from orchestrator.report.timeline_bars import Timeline
from orchestrator.report.verify.judge import Judge

JOBS, ROUNDS = 1000, 3

# What it is on a busy machine: 1.7, 0.1, 3.4, 1.6.
MOST_STATUS, MOST_CLOSED, MOST_REPORT, MOST_VERIFY = 2.5, 0.2, 5.0, 4.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of layers of jobs that ended, and left its files."""
    folder = tmp_path_factory.mktemp("large")
    formats.pexec_yaml(layers(JOBS), ["true"] * JOBS, folder)
    plan = plan_manifest(str(folder / "pexec.yaml")).plan
    assert plan is not None
    story = Story(plan)
    for job in plan.jobs:
        story.start(job.id, float(job.index))
        story.end(job.id, job.index + 0.5)
    story.finish(float(JOBS))
    record(folder / "runs", story)
    return folder / "runs"


def status(run: RunDir) -> None:
    look = Look(run)
    progress = Progress(look.plan, run.run_id)
    look.feed(progress.add)
    assert f"{JOBS} jobs succeeded" in snapshot_text(progress.snapshot(0.0, driven=False))


def closed(run: RunDir) -> None:
    closing = load_summary(run)
    assert closing is not None
    assert f"{JOBS} jobs succeeded" in snapshot_text(closing.snapshot)


def report(run: RunDir) -> None:
    look = Look(run)
    fold, timeline = RunFold(look.plan), Timeline(look.plan)
    look.feed(fold.add, timeline.add)
    assert execution_report(fold.report())
    assert html_report(fold.report(), timeline)


def verify(run: RunDir) -> None:
    look = Look(run, keeps_plan_data=True)
    judge = Judge(look.plan_data)
    look.feed(judge.check)
    assert judge.finished
    assert not judge.found


@pytest.mark.parametrize(
    ("look", "most"), [(status, MOST_STATUS), (closed, MOST_CLOSED), (report, MOST_REPORT), (verify, MOST_VERIFY)]
)
def test_looking_at_a_run_costs_little_more_than_reading_its_lines(
    root: Path, look: Callable[[RunDir], None], most: float
) -> None:
    def bare() -> None:
        for line in (next(root.iterdir()) / "events.jsonl").read_bytes().splitlines():
            json.loads(line)

    def looked() -> None:
        with open_run(str(root), next(root.iterdir()).name) as run:
            look(run)

    times = times_dearer(looked, bare, most, ROUNDS)
    print(times)
    assert times < most
