"""How much memory a job of a large run takes: Python's own count of its objects, which no other load changes.

What a process holds is more, since memory that was free once is not all used again: see docs/performance.md.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from support.stories import Story

from benchmarks import formats
from benchmarks.graphs import layers
from orchestrator.app.planning import plan_manifest
from orchestrator.engine.facts import RunStarted
from orchestrator.engine.scheduler import Scheduler
from orchestrator.plan.export import plan_fields
from orchestrator.plan.json_stream import as_json
from orchestrator.plan.model import Plan
from orchestrator.report.fold_events import RunFold
from orchestrator.report.timeline_bars import Timeline

JOBS = 800


def planned(folder: Path) -> Plan:
    formats.pexec_yaml(layers(JOBS), ["true"] * JOBS, folder)
    plan = plan_manifest(str(folder / "pexec.yaml")).plan
    assert plan is not None
    return plan


def bytes_a_job(make: Callable[[], object]) -> tuple[float, float]:
    """The memory of what `make` returns, and the peak while it is made; bytes for each job."""
    make()  # what is made once for all jobs
    gc.collect()
    tracemalloc.start()
    try:
        kept = make()
        gc.collect()
        held, most = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return held / JOBS, most / JOBS


def test_a_job_of_a_plan_takes_less_than_a_kilobyte(tmp_path: Path) -> None:
    held, _ = bytes_a_job(lambda: planned(tmp_path))
    print(held)
    assert held < 1000  # 910


def test_a_job_takes_little_memory_in_the_engine(tmp_path: Path) -> None:
    plan = planned(tmp_path)

    def started() -> Scheduler:
        scheduler = Scheduler(plan)
        scheduler.apply(RunStarted(0.0))
        return scheduler

    held, _ = bytes_a_job(started)
    print(held)
    assert held < 100  # 82


def test_a_finished_job_takes_little_memory_in_reports(tmp_path: Path) -> None:
    story = Story(planned(tmp_path))

    def folded() -> tuple[RunFold, Timeline]:
        fold = RunFold(story.plan)
        timeline = Timeline(story.plan, fold.index_of)
        for job in story.plan.jobs:
            story.events.clear()
            story.start(job.id, job.index)
            story.end(job.id, job.index + 1.5)
            for event in story.events:
                fold.add(event)
                timeline.add(event)
        story.events.clear()
        return fold, timeline

    held, _ = bytes_a_job(folded)
    print(held)
    assert held < 900


def test_a_plan_file_is_written_as_a_stream(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    _, most = bytes_a_job(lambda: sum(map(len, as_json(plan_fields(plan)))))
    print(most)
    assert most < 400  # a hundred jobs at once; as a whole it would be 1,100
