"""The spec of a job with values of its needs that are known before it starts, for those who only look. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.plan.grown_plan import cell_texts
from orchestrator.plan.late_values import fill, split_name
from orchestrator.plan.model import JobSpec, Plan, PlannedJob


def filled(job: PlannedJob, plan: Plan, values: Mapping[int, Mapping[str, str]]) -> JobSpec | None:
    """The spec with all templates filled in. None if that takes more than the values that each need has written."""
    if not job.spec.late:
        return job.spec
    by_workflow = {plan.jobs[need].workflow: of_need for need, of_need in values.items()}
    known: dict[str, str] = {}
    for name in job.spec.needed_values:
        workflow, output, as_json = split_name(name)
        text = by_workflow.get(workflow, {}).get(output)
        if text is None or as_json:
            return None
        known[name] = text
    if job.expanded_from:
        known |= cell_texts(job)
    return fill(job.spec, "", "", known)
