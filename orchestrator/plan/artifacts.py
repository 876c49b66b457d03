"""Two small files of a run besides its plan: which job needs which, and which jobs may run side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.plan.json_stream import Field, JsonArray, JsonObject, as_dict
from orchestrator.plan.model import Plan

Json = dict[str, Any]


def dependencies_dict(plan: Plan, statuses: Mapping[str, str] | None = None) -> Json:
    """`dependencies.json`: for each job where it comes from and its status (PENDING unless `statuses` tells of its
    id), its needs, and an order in which the jobs could run one by one."""
    return as_dict(dependencies_fields(plan, statuses))


def dependencies_fields(plan: Plan, statuses: Mapping[str, str] | None = None) -> Iterator[Field]:
    """The same, member by member, for a plan that may be large."""
    known, jobs = statuses or {}, plan.jobs
    sources = ((job.id, job.spec.file or plan.manifest, known.get(job.id, "PENDING")) for job in jobs)
    yield "workflows", JsonObject((job_id, {"path": path, "status": status}) for job_id, path, status in sources)
    yield "dependencies", JsonObject((job.id, [jobs[need].id for need in job.needs]) for job in jobs)
    yield "execution_order", JsonArray(jobs[index].id for level in plan.levels for index in level)


def execution_plan_dict(plan: Plan, created: str) -> Json:
    """`execution_plan.json`: the levels as groups, counted from 1. `created` is a UTC time in ISO 8601."""
    return as_dict(execution_plan_fields(plan, created))


def execution_plan_fields(plan: Plan, created: str) -> Iterator[Field]:
    """The same, member by member, for a plan that may be large."""
    groups = enumerate(([plan.jobs[index].id for index in level] for level in plan.levels), start=1)
    yield "plan_created", created
    yield "total_groups", len(plan.levels)
    yield "max_parallel_jobs", plan.policy.max_parallel_jobs
    yield "execution_groups", JsonArray({"group_id": number, "workflows": ids} for number, ids in groups)
