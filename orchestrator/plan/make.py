"""Manifest -> Plan: check everything, select, expand, order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain, groupby

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.diagnostics.model import Diagnostic, has_errors
from orchestrator.manifest.file_facts import Files
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.scalars import Value, value_text
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.check import Checked, check
from orchestrator.plan.conditions import Known
from orchestrator.plan.digest import JobDigests, plan_digest
from orchestrator.plan.estimate import weights
from orchestrator.plan.expand import Expanders, expand_policy
from orchestrator.plan.graph import EdgeRows, Levels, levels, urgency
from orchestrator.plan.inputs import Overrides, PlanningEnvironment, Selection
from orchestrator.plan.model import WHEN_NAMED, JobSpec, Plan, PlannedJob
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.secret_references import secret_sources
from orchestrator.plan.select import select
from orchestrator.plan.template import Scope as JobScope
from orchestrator.plan.template import put_in

_NO_VALUES: Mapping[str, Value] = {}
_TOLD_OF_JOBS = ("when", "priority", "memory", "cpus", "pools", "allow_failure", "tags", "description", "matrix")


class Planned(Struct, frozen=True):
    """The plan, or None if the manifest has errors; all errors and warnings, ordered by position; and where parameters
    come from that are not their default: `{"params.release": "--set"}`."""

    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    origins: Mapping[str, str] = field(default_factory=dict)


class _Scope(Struct, frozen=True):
    """The jobs that are in the run, by their number in the layout, and their edges by their number in the plan."""

    jobs: Sequence[int]
    needs: EdgeRows
    after: EdgeRows
    waits: EdgeRows
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
    origins: Mapping[str, ManifestOrigin] | None = None,
    around: PlanningEnvironment | None = None,
    durations: Mapping[str, float] | None = None,
) -> Planned:
    """Plan a run of `manifest`, which was read from `manifest_path` and whose paths start at `base_dir`.

    `files` holds a fact for each `file` that a workflow names, `origins` tells where the workflows come from that were
    included; `cpus` is what `auto` means; `durations` are the seconds that jobs took before, by their ids: they decide
    what is urgent, and nothing else. The whole manifest is checked, also what the selection leaves out.
    `UsageError` if the selection names what does not exist, or nothing, and if a parameter from outside cannot be used.
    """
    origins, around, overrides = origins or {}, around or PlanningEnvironment(), overrides or Overrides()
    checked = check(manifest, source, files, origins, around)
    if has_errors(checked.diagnostics):
        return Planned(None, checked.diagnostics)
    checked.params.check_usage()
    scope = _scope(manifest, checked, selection or Selection(), around)
    expanders = Expanders(ManifestOrigin("", manifest.defaults, source), origins, overrides, files)
    jobs, path = _jobs(manifest, checked, scope, expanders, durations or {})
    policy = expand_policy(manifest, overrides, cpus)
    plan = Plan(
        name=manifest.name or _folder_name(base_dir) or "pexec",
        manifest=manifest_path,
        base_dir=base_dir,
        policy=policy,
        jobs=jobs,
        levels=scope.levels,
        critical_path=path,
        left_out=_told_together(manifest, checked.layout, scope.left_out),
        secrets=secret_sources(manifest, (job.workflow for job in jobs)),
        params=checked.params.values,
        description=manifest.description or "",
        digest=plan_digest(policy, jobs),
    )
    param_origins = {f"params.{name}": origin for name, origin in checked.params.origins.items()}
    return Planned(plan, checked.diagnostics, param_origins)


def _folder_name(folder: str) -> str:
    """What a run is called in all its files, so it is text: bytes that are no UTF-8 (lone surrogates) become U+FFFD."""
    name = folder.rstrip("/").rpartition("/")[2]
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _scope(manifest: Manifest, checked: Checked, selection: Selection, around: PlanningEnvironment) -> _Scope:
    edges = checked.edges
    unmet = _unmet(manifest, checked, around)
    if not (selection or unmet or any(workflow.manual for workflow in checked.key_index.of("manual").values())):
        return _Scope(range(len(edges.needs)), edges.needs, edges.after, edges.waits, checked.levels)
    selected = select(manifest, checked.layout, edges.needs, selection, unmet)
    index_of = {number: index for index, number in enumerate(selected.kept)}
    needs = [tuple(index_of[need] for need in row) for row in selected.needs]
    after = [
        tuple(index_of[other] for other in edges.after[number] if other in index_of and other not in row)
        for number, row in zip(selected.kept, selected.needs, strict=True)
    ]
    waits = [hard + soft for hard, soft in zip(needs, after, strict=True)]
    return _Scope(selected.kept, needs, after, waits, levels(waits), selected.left_out)


def _unmet(manifest: Manifest, checked: Checked, around: PlanningEnvironment) -> dict[int, str]:
    """The jobs whose `if` does not hold, each with the reason."""
    reasons: dict[int, str] = {}
    conditional = checked.key_index.of("if_")
    for number, name in enumerate(manifest.workflows):
        condition = conditional[name].if_ if name in conditional else None
        if condition is None:
            continue
        for job in checked.layout.jobs_of(number):
            cell = checked.layout.cell_of(job, name)
            known = Known(around, checked.params.values, {} if cell is None else cell.values)
            if not known.holds(condition):
                reasons[job] = known.why_not(condition)
    return reasons


def _told_together(
    manifest: Manifest, layout: Numbering, left_out: Sequence[tuple[int, str]]
) -> tuple[tuple[str, str], ...]:
    """What is left out: a workflow once if all its jobs are for one reason, else job by job."""
    names = tuple(manifest.workflows)
    told: list[tuple[str, str]] = []
    for number, group in groupby(left_out, lambda entry: layout.workflow_of[entry[0]]):
        jobs = list(group)
        if len({reason for _, reason in jobs}) == 1 and len(jobs) == len(layout.jobs_of(number)):
            told.append((names[number], jobs[0][1]))
        else:
            told += [(layout.ids[job], reason) for job, reason in jobs]
    return tuple(told)


def _jobs(
    manifest: Manifest, checked: Checked, scope: _Scope, expanders: Expanders, durations: Mapping[str, float]
) -> tuple[tuple[PlannedJob, ...], tuple[int, ...]]:
    """All jobs, and the critical path through them."""
    layout = checked.layout
    entries = list(manifest.workflows.items())
    chosen = [entries[layout.workflow_of[number]] for number in scope.jobs]
    ids = [layout.ids[number] for number in scope.jobs]
    specs = _specs(checked, scope, expanders, entries)
    with_file = checked.key_index.names("file")
    files = [expanders.of(name).file_digest(workflow) if name in with_file else "" for name, workflow in chosen]
    digests = _digests(ids, specs, files, scope)
    level_of = [0] * len(ids)
    for depth, level in enumerate(scope.levels):
        for index in level:
            level_of[index] = depth
    urgent = urgency(scope.waits, scope.levels, weights(ids, specs, durations))
    numbers = sorted(chain(*scope.levels))  # the very integers that the levels hold: new ones would be 32 bytes a job
    told = checked.key_index.names(*_TOLD_OF_JOBS)
    jobs = []
    for index, (name, workflow) in zip(numbers, chosen, strict=True):
        job = PlannedJob(
            index=index,
            id=ids[index],
            workflow=name,
            spec=specs[index],
            needs=scope.needs[index],
            after=scope.after[index],
            level=level_of[index],
            rank=urgent.ranks[index],
            expected_seconds=durations.get(ids[index]),
            retry=expanders.of(name).retry(workflow),
            matrix=_NO_VALUES,
            digest=digests[index],
        )
        # Most workflows say nothing of all the rest: without it the jobs are made in a third of the time.
        jobs.append(_told_more(job, workflow, layout, scope.jobs[index]) if name in told else job)
    return tuple(jobs), urgent.path


def _told_more(job: PlannedJob, workflow: Workflow, layout: Numbering, number: int) -> PlannedJob:
    """The job with what its workflow says of it beside its needs, its retries and what it executes."""
    return replace(
        job,
        when=WHEN_NAMED[workflow.when],
        priority=workflow.priority,
        memory=workflow.memory,
        cpus=float(workflow.cpus),
        pools=tuple(sorted(workflow.pools.items())) if workflow.pools else (),
        allow_failure=workflow.allow_failure,
        tags=workflow.tags,
        description=workflow.description or "",
        matrix=_NO_VALUES if workflow.matrix is None else layout.values_of(number, job.workflow),
        matrix_fail_fast=workflow.matrix is not None and workflow.matrix.fail_fast,
    )


def _specs(
    checked: Checked, scope: _Scope, expanders: Expanders, entries: Sequence[tuple[str, Workflow]]
) -> list[JobSpec]:
    """What each job executes."""
    layout = checked.layout
    params = {name: value_text(value) for name, value in checked.params.values.items()}
    specs = []
    for number in scope.jobs:
        name, workflow = entries[layout.workflow_of[number]]
        put = None
        if name in checked.templated:
            values = {key: value_text(value) for key, value in layout.values_of(number, name).items()}
            put = partial(put_in, templates=checked.templates, scope=JobScope(params, values, layout.ids[number]))
        specs.append(expanders.of(name).spec(workflow, put))
    return specs


def _digests(ids: Sequence[str], specs: Sequence[JobSpec], files: Sequence[str], scope: _Scope) -> list[str]:
    """Level by level: a job's digest holds those of its needs, which stand below it."""
    digests = [""] * len(ids)
    digest = JobDigests()
    for level in scope.levels:
        for index in level:
            needs = [digests[need] for need in scope.needs[index]]
            digests[index] = digest.of(ids[index], specs[index], files[index], needs)
    return digests
