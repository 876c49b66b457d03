"""Two small files of a run besides its plan: which job needs which, and which jobs may run side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.plan.model import Plan

Json = dict[str, Any]


def dependencies_dict(plan: Plan, statuses: Mapping[str, str] | None = None) -> Json:
    """`dependencies.json`: for each job where it comes from and its status (PENDING unless `statuses` tells of its
    id), its needs, and an order in which the jobs could run one by one."""
    known = statuses or {}
    ids = [job.id for job in plan.jobs]
    return {
        "workflows": {
            job.id: {"path": job.spec.file or plan.manifest, "status": known.get(job.id, "PENDING")}
            for job in plan.jobs
        },
        "dependencies": {job.id: [ids[index] for index in job.needs] for job in plan.jobs},
        "execution_order": [ids[index] for level in plan.levels for index in level],
    }


def execution_plan_dict(plan: Plan, created: str) -> Json:
    """`execution_plan.json`: the levels as groups, counted from 1. `created` is a UTC time in ISO 8601."""
    ids = [job.id for job in plan.jobs]
    return {
        "plan_created": created,
        "total_groups": len(plan.levels),
        "max_parallel_jobs": plan.policy.max_parallel_jobs,
        "execution_groups": [
            {"group_id": number, "workflows": [ids[index] for index in level]}
            for number, level in enumerate(plan.levels, start=1)
        ],
    }
