"""A run that has grown, for a resume: its plan with the jobs that came, and the matrices that stay without any."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from orchestrator.console.text import visible
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import JobState
from orchestrator.plan.model import Plan


def grown_plan(plan: Plan, scheduler: Scheduler) -> Plan:
    """The plan with all jobs of the run; those that have taken the place of a placeholder are on its level."""
    table = scheduler.table

    def with_cells(job: int) -> tuple[int, ...]:
        return (*table.jobs[job].needs, job) if table.states[job] is JobState.EXPANDED else (job,)

    levels = tuple(tuple(one for job in level for one in with_cells(job)) for level in plan.levels)
    return replace(plan, jobs=tuple(table.jobs), levels=levels)


def matrices_that_fail_again(plan: Plan, scheduler: Scheduler) -> Iterator[str]:
    """A sentence about each matrix that can be made of nothing else than the value that it failed by: the success that
    wrote it is kept."""
    states = scheduler.table.states
    placeholders = {job.workflow: job for job in plan.jobs if job.run_matrix is not None}
    for job in placeholders.values():
        if job.run_matrix is None or states[job.index] is not JobState.FAILED:
            continue
        model = placeholders.get(job.run_matrix.like, job)
        lists = {axis.workflow for axis in model.run_matrix.axes} if model.run_matrix is not None else set()
        sources = [one for one in (plan.jobs[need] for need in model.needs) if one.workflow in lists]
        if sources and all(states[one.index] is JobState.SUCCEEDED for one in sources):
            names = ", ".join(f"`{visible(one.id)}`" for one in sources)
            problem = visible(scheduler.growth.expansion_of(job).problem)
            yield f"`{visible(job.id)}` fails again: {problem}, and the success of {names} is not repeated"
