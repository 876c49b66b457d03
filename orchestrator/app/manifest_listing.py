"""What of a manifest can be run, for `pexec list`: also what runs only when it is named."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from orchestrator.app.planning import PlanningResult, plan_loaded
from orchestrator.manifest.load import load
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.scalars import Value
from orchestrator.plan.arguments import has_place_for_arguments
from orchestrator.plan.inputs import Selection
from orchestrator.plan.model import Plan


class ListedWorkflow(Struct, frozen=True):
    """A workflow. `jobs` are the ids of its jobs, without those that its `if` leaves out: `left_out` is the reason of
    the first of these. A `group` has nothing to run but its needs. `takes_arguments`: those after `--`."""

    name: str
    description: str
    jobs: tuple[str, ...]
    manual: bool
    group: bool
    tags: tuple[str, ...]
    needs: tuple[str, ...]
    left_out: str | None
    takes_arguments: bool


class ListedParameter(Struct, frozen=True):
    """A parameter. `value` is the one that a run would use now, which the environment may set; None if a run must be
    given one."""

    name: str
    description: str
    default: Value | None
    value: Value | None
    choices: tuple[Value, ...] | None
    pattern: str | None


class Listing(Struct, frozen=True):
    """What `pexec list --format json` prints, in declared order."""

    name: str
    description: str
    manifest: str
    workflows: tuple[ListedWorkflow, ...]
    params: tuple[ListedParameter, ...]


def list_manifest(path: str) -> tuple[PlanningResult, Listing | None]:
    """The result of planning everything in the manifest, and what it declares; None if it has errors."""
    loaded = load(path)
    everything = Selection(tuple(loaded.manifest.workflows)) if loaded.manifest is not None else None
    result = plan_loaded(loaded, everything)
    if result.plan is None or loaded.manifest is None:
        return result, None
    plan, manifest = result.plan, loaded.manifest
    listing = Listing(
        plan.name, plan.description, plan.manifest, tuple(_workflows(plan, manifest)), _params(plan, manifest)
    )
    return result, listing


def _workflows(plan: Plan, manifest: Manifest) -> Iterable[ListedWorkflow]:
    jobs: dict[str, list[str]] = {}
    for job in plan.jobs:
        jobs.setdefault(job.workflow, []).append(job.id)
    reasons: dict[str, str] = {}
    for name, reason in plan.left_out:
        reasons.setdefault(name if name in manifest.workflows else name.partition("[")[0], reason)
    for name, workflow in manifest.workflows.items():
        yield ListedWorkflow(
            name=name,
            description=workflow.description or "",
            jobs=tuple(jobs.get(name, ())),
            manual=workflow.manual,
            group=workflow.run is None and workflow.argv is None and workflow.file is None,
            tags=workflow.tags,
            needs=tuple(dict.fromkeys(need if isinstance(need, str) else need.workflow for need in workflow.needs)),
            left_out=reasons.get(name),
            takes_arguments=workflow.argv is not None or workflow.file is not None or has_place_for_arguments(workflow),
        )


def _params(plan: Plan, manifest: Manifest) -> tuple[ListedParameter, ...]:
    return tuple(
        ListedParameter(
            name=name,
            description=param.description or "",
            default=param.default,
            value=plan.params.get(name),
            choices=param.choices,
            pattern=param.pattern,
        )
        for name, param in manifest.params.items()
    )
