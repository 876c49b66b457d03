"""Manifest -> Plan: check everything, select, expand, order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.diagnostics import Diagnostic, has_errors
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.positions import SourceMap
from orchestrator.plan.check import Checked, check
from orchestrator.plan.digest import job_digest, plan_digest
from orchestrator.plan.expand import Expander, Overrides, expand_policy
from orchestrator.plan.files import Files
from orchestrator.plan.graph import Levels, Rows, levels, urgency
from orchestrator.plan.model import JobSpec, Plan, PlannedJob, When
from orchestrator.plan.select import Selection, select

_WHEN = {member.value: member for member in When}


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan, or None if the manifest has errors; and all errors and warnings, ordered by position."""

    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class _Scope:
    """The workflows that are in the run, by their number in the manifest, and their edges by their number in the
    plan."""

    workflows: Sequence[int]
    needs: Rows
    after: Rows
    waits: Rows
    levels: Levels
    left_out: tuple[tuple[int, str], ...] = ()


def make_plan(
    manifest: Manifest,
    source: SourceMap,
    *,
    manifest_path: str,
    base_dir: str,
    files: Files,
    cpus: int,
    selection: Selection | None = None,
    overrides: Overrides | None = None,
) -> Planned:
    """Plan a run of `manifest`, which was read from `manifest_path` and whose paths start at `base_dir`.

    `files` holds a fact for each `file` that a workflow names; `cpus` is what `auto` means. The whole manifest is
    checked, also what the selection leaves out. `UsageError` if the selection names what does not exist, or nothing.
    """
    checked = check(manifest, source, files)
    if has_errors(checked.diagnostics):
        return Planned(None, checked.diagnostics)
    overrides = overrides or Overrides()
    scope = _scope(manifest, checked, selection or Selection())
    jobs, path = _jobs(manifest, scope, Expander(manifest, overrides, files))
    policy = expand_policy(manifest, overrides, cpus)
    names = tuple(manifest.workflows)
    plan = Plan(
        name=manifest.name or base_dir.rstrip("/").rpartition("/")[2] or "pexec",
        manifest=manifest_path,
        base_dir=base_dir,
        policy=policy,
        jobs=jobs,
        levels=scope.levels,
        critical_path=path,
        left_out=tuple((names[number], reason) for number, reason in scope.left_out),
        description=manifest.description or "",
        digest=plan_digest(policy, jobs),
    )
    return Planned(plan, checked.diagnostics)


def _scope(manifest: Manifest, checked: Checked, selection: Selection) -> _Scope:
    edges = checked.edges
    if not selection:
        return _Scope(range(len(edges.needs)), edges.needs, edges.after, edges.waits, checked.levels)
    selected = select(manifest, edges.needs, selection)
    index_of = {number: index for index, number in enumerate(selected.kept)}
    needs = [tuple(index_of[need] for need in row) for row in selected.needs]
    after = [
        tuple(index_of[other] for other in edges.after[number] if other in index_of and other not in row)
        for number, row in zip(selected.kept, selected.needs, strict=True)
    ]
    waits = [hard + soft for hard, soft in zip(needs, after, strict=True)]
    return _Scope(selected.kept, needs, after, waits, levels(waits), selected.left_out)


def _jobs(manifest: Manifest, scope: _Scope, expander: Expander) -> tuple[tuple[PlannedJob, ...], tuple[int, ...]]:
    """All jobs, and the critical path through them."""
    entries = list(manifest.workflows.items())
    chosen = [entries[number] for number in scope.workflows]
    specs = [expander.spec(workflow) for _, workflow in chosen]
    digests = _digests(chosen, specs, scope, expander)
    level_of = {index: depth for depth, level in enumerate(scope.levels) for index in level}
    urgent = urgency(scope.waits, scope.levels)
    jobs = tuple(
        PlannedJob(
            index=index,
            id=name,
            workflow=name,
            spec=specs[index],
            needs=scope.needs[index],
            after=scope.after[index],
            when=_WHEN[workflow.when],
            level=level_of[index],
            rank=urgent.ranks[index],
            priority=workflow.priority,
            pools=tuple(sorted(workflow.pools.items())) if workflow.pools else (),
            allow_failure=workflow.allow_failure,
            retry=expander.retry(workflow),
            tags=workflow.tags,
            description=workflow.description or "",
            digest=digests[index],
        )
        for index, (name, workflow) in enumerate(chosen)
    )
    return jobs, urgent.path


def _digests(
    chosen: Sequence[tuple[str, Workflow]], specs: Sequence[JobSpec], scope: _Scope, expander: Expander
) -> list[str]:
    """Level by level: a job's digest holds those of its needs, which stand below it."""
    digests = [""] * len(chosen)
    for level in scope.levels:
        for index in level:
            name, workflow = chosen[index]
            needs = [digests[need] for need in scope.needs[index]]
            digests[index] = job_digest(name, specs[index], expander.file_digest(workflow), needs)
    return digests
