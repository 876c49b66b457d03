"""Which successes of an earlier run have inputs that are not as they were, and how: for a resume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orchestrator.app.cache_of_plan import open_store, place_of, project_of
from orchestrator.plan.model import Plan

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor

VALUES_OF_NEEDS = "values of its needs cannot be compared"
_MOST_REASONS = 3
_UNKNOWN = "its inputs have changed"


def changed_inputs(
    plan: Plan,
    fingerprints: Mapping[str, str],
    values_of: Callable[[str], Mapping[str, str]],
    supervisor: Supervisor,
) -> dict[int, str]:
    """The jobs of the plan, by index, whose fingerprint is, or may be, another one than in `fingerprints`, by their
    ids; each with the reason. `values_of` are the output values of a job in the earlier run, by its id."""
    jobs = [job for job in plan.jobs if fingerprints.get(job.id) and job.spec.inputs is not None]
    if not jobs:
        return {}
    from orchestrator.execute.reuse.command_inputs import CommandRunner
    from orchestrator.execute.reuse.declared import needs_of
    from orchestrator.execute.reuse.differences import NOTHING_STORED, REMOVED, differences
    from orchestrator.execute.reuse.fingerprints import CannotBeTakenError, Fingerprints
    from orchestrator.execute.reuse.known_values import filled

    place = place_of(plan)
    changed: dict[int, str] = {}
    with open_store(plan) as cache:
        run = CommandRunner(plan.base_dir, supervisor)
        takes = Fingerprints(plan, place, cache, supervisor.environments, run)
        for job in jobs:
            values = {need: values_of(plan.jobs[need].id) for need in needs_of(plan.jobs, job.index)}
            spec = filled(job, plan, values)
            if spec is None:
                changed[job.index] = VALUES_OF_NEEDS
                continue
            try:
                taken = takes.take(job, spec, values, lambda: False)
            except CannotBeTakenError as error:
                changed[job.index] = str(error)
                continue
            if taken.fingerprint.digest != fingerprints[job.id]:
                found = differences(cache, project_of(plan), job, taken)
                shown = "; ".join(found[:_MOST_REASONS])
                changed[job.index] = _UNKNOWN if found[0] in (NOTHING_STORED, REMOVED) else shown
    return changed
