"""A manifest and everything around it to a plan: check all of it, select jobs, expand them, order them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain, groupby

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.diagnostics.model import Diagnostic, has_errors
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.scalars import CpuShare
from orchestrator.plan.check import Resolved, check
from orchestrator.plan.condition_model import RunCondition
from orchestrator.plan.conditions import ConditionContext
from orchestrator.plan.digest import JobDigests, plan_digest
from orchestrator.plan.estimate import weights
from orchestrator.plan.expand import JOB_KEYS, Expanders, expand_policy, job_fields
from orchestrator.plan.graph import EdgeRows, Levels, levels, urgency
from orchestrator.plan.inputs import Overrides, PlanningEnvironment, ReadManifest, Selection
from orchestrator.plan.model import JobSpec, Plan, PlannedJob
from orchestrator.plan.need_references import values_that_are_absent, with_defaults
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.run_matrix import RunMatrix, Scalar
from orchestrator.plan.secret_references import secret_sources
from orchestrator.plan.select import select
from orchestrator.plan.template import TemplateScope, put_in

_NO_VALUES: Mapping[str, Scalar] = {}
_Absent = Mapping[int, Mapping[str, str]]
"""By job: the values of needs that are not in the run, with their defaults."""


class Planned(Struct, frozen=True):
    """The plan, or None if the manifest has errors; all errors and warnings, ordered by position.

    `origins` says where those parameters come from that have not their default, `{"params.release": "--set"}`, and what
    the number of parallel jobs was computed from, if it was: `{"max_parallel_jobs": "auto"}`."""

    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    origins: Mapping[str, str] = field(default_factory=dict)


class _Chosen(Struct, frozen=True):
    """The jobs in the run: their numbers in the manifest's numbering; their edges by their indices in the plan. `cells`
    are the ids of jobs that were selected and are not known yet, by the number of the placeholder."""

    jobs: Sequence[int]
    needs: EdgeRows
    after: EdgeRows
    waits: EdgeRows
    levels: Levels
    left_out: tuple[tuple[int, str], ...] = ()
    cells: Mapping[int, tuple[str, ...]] = {}


class _Receiver(Struct, frozen=True):
    """The workflow that gets the arguments after `--`; without any, none does."""

    workflow: str
    args: tuple[str, ...]


def make_plan(
    read: ReadManifest,
    environment: PlanningEnvironment,
    *,
    selection: Selection | None = None,
    overrides: Overrides | None = None,
    durations: Mapping[str, float] | None = None,
) -> Planned:
    """Plan a run of a manifest. The whole manifest is checked, also what the selection leaves out.

    `durations` are the seconds that jobs took before, by their ids: they decide ranks, and nothing else. Raises
    UsageError if the selection names an unknown job or leaves none, if a parameter cannot have its value, and if
    arguments have no job that takes them.
    """
    overrides = overrides or Overrides()
    if overrides.clusters:
        from orchestrator.plan.cluster_settings import with_clusters  # late: few users have any in their settings

        read = replace(
            read,
            manifest=with_clusters(
                read.manifest, overrides.clusters, overrides.cluster or read.manifest.policy.cluster
            ),
        )
    resolved = check(read, environment)
    if has_errors(resolved.diagnostics):
        return Planned(None, resolved.diagnostics)
    resolved.params.check_usage()

    selection = Selection() if selection is None else selection
    receiver = _receiver(read, resolved, selection)
    unmet, conditions = _conditions(read, resolved, environment)
    chosen = _choose(read.manifest, resolved, selection, unmet)
    absent, missing = _absent_values(read.manifest, resolved, chosen)
    matrices = _run_matrices(read, resolved, chosen, missing)
    if missing:
        return Planned(None, (*resolved.diagnostics, *missing))
    conditions = _without_absent_values(conditions, read.manifest, resolved, chosen)
    jobs, critical_path = _plan_jobs(read, resolved, chosen, overrides, durations or {}, receiver, absent, conditions)
    if resolved.numbering.run_matrices:
        jobs = _with_run_matrices(tuple(read.manifest.workflows), resolved, chosen, jobs, matrices)
    if resolved.key_index.names("inputs", "outputs"):
        from orchestrator.plan.file_flow import check_file_flow  # late: few manifests have them

        flow: list[Diagnostic] = []
        check_file_flow(jobs, read.manifest.workflows, read.source, flow)
        if flow:
            return Planned(None, (*resolved.diagnostics, *flow))
    policy = expand_policy(read.manifest, overrides, environment.cpus)
    warnings: list[Diagnostic] = []
    if policy.cluster is not None:
        from orchestrator.plan.cluster_files import check_cluster_files  # late: most runs have no cluster
        from orchestrator.plan.cluster_fit import check_cluster_fit, check_walltime

        unfit: list[Diagnostic] = []
        check_cluster_fit(jobs, policy.cluster, read.source, unfit)
        check_cluster_files(jobs, policy.cluster, read.source, unfit)
        if unfit:
            return Planned(None, (*resolved.diagnostics, *unfit))
        check_walltime(jobs, policy.cluster, read.source, warnings)
    plan = Plan(
        name=read.manifest.name or _directory_name(read.base_dir) or "pexec",
        manifest=read.path,
        base_dir=read.base_dir,
        policy=policy,
        jobs=jobs,
        levels=chosen.levels,
        critical_path=critical_path,
        left_out=_by_workflow(read.manifest, resolved.numbering, chosen.left_out),
        secrets=secret_sources(read.manifest, (job.workflow for job in jobs), policy.cluster),
        params=resolved.params.values,
        computed=tuple(resolved.params.computed),
        description=read.manifest.description or "",
        digest=plan_digest(policy, jobs),
    )
    origins = {f"params.{name}": origin for name, origin in resolved.params.origins.items()}
    slots = read.manifest.policy.max_parallel_jobs
    if overrides.max_parallel_jobs is None and isinstance(slots, CpuShare):
        origins["max_parallel_jobs"] = str(slots)
    return Planned(plan, (*resolved.diagnostics, *warnings), origins)


def _receiver(read: ReadManifest, resolved: Resolved, selection: Selection) -> _Receiver:
    if not selection.args:
        return _Receiver("", ())
    from orchestrator.plan.arguments import receiver_of_arguments  # late: most command lines have no arguments

    own = ManifestOrigin("", read.manifest.defaults, read.source)
    name = receiver_of_arguments(read.manifest, resolved.numbering, selection, own, read.origins, resolved.templates)
    return _Receiver(name, selection.args)


def _directory_name(path: str) -> str:
    """The name of a run in all its files, so it is text: bytes that are not UTF-8 (lone surrogates) become U+FFFD."""
    name = path.rstrip("/").rpartition("/")[2]
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _choose(manifest: Manifest, resolved: Resolved, selection: Selection, unmet: Mapping[int, str]) -> _Chosen:
    """The jobs that the conditions, `manual` and the selection leave. `unmet` are those whose `if` does not hold."""
    edges = resolved.edges
    has_manual = any(workflow.manual for workflow in resolved.key_index.of("manual").values())
    if not (selection or unmet or has_manual or edges.every):
        return _Chosen(range(len(edges.needs)), edges.needs, edges.after, edges.waits, resolved.levels)
    selected = select(manifest, resolved.numbering, edges, selection, unmet)
    index_of = {number: index for index, number in enumerate(selected.kept)}
    needs = [tuple(index_of[need] for need in row) for row in selected.needs]
    after = [
        tuple(index_of[other] for other in edges.after[number] if other in index_of and other not in row)
        for number, row in zip(selected.kept, selected.needs, strict=True)
    ]
    waits = [hard + soft for hard, soft in zip(needs, after, strict=True)]
    return _Chosen(selected.kept, needs, after, waits, levels(waits), selected.left_out, selected.cells)


def _conditions(
    read: ReadManifest, resolved: Resolved, environment: PlanningEnvironment
) -> tuple[dict[int, str], dict[int, RunCondition]]:
    """The jobs whose `if` does not hold, and the workflows whose matrix is empty, each with the reason; and the jobs
    with an `if` that is decided during the run, each with what it asks of needs."""
    numbering = resolved.numbering
    reasons: dict[int, str] = {}
    open_conditions: dict[int, RunCondition] = {}
    conditional = resolved.key_index.of("if_")
    for number, name in enumerate(read.manifest.workflows):
        condition = conditional[name].if_ if name in conditional else None
        if name in numbering.empty:
            reasons[numbering.first_of[number]] = numbering.empty[name]
        if condition is None or name in numbering.empty:
            continue
        prefix = read.origins[name].prefix if name in read.origins else ""
        for job in numbering.jobs_of(number):
            values = numbering.values_of(job, name)
            context = ConditionContext(environment, resolved.params.values, values, resolved.params.computed)
            decided = context.decide(condition, prefix)
            if isinstance(decided, RunCondition):
                open_conditions[job] = decided
            elif not decided:
                reasons[job] = context.explain(condition)
    return reasons, open_conditions


def _without_absent_values(
    conditions: Mapping[int, RunCondition], manifest: Manifest, resolved: Resolved, chosen: _Chosen
) -> dict[int, RunCondition]:
    """The conditions of the jobs in the run, by the jobs' numbers, with the defaults of those values whose jobs are not
    in the run."""
    if not conditions:
        return {}
    names, workflow_of = tuple(manifest.workflows), resolved.numbering.workflow_of
    found = {}
    for number, row in zip(chosen.jobs, chosen.needs, strict=True):
        if number in conditions:
            needed = {names[workflow_of[chosen.jobs[need]]] for need in row}
            condition = with_defaults(conditions[number], manifest, needed)
            if condition is not None:
                found[number] = condition
    return found


def _by_workflow(
    manifest: Manifest, numbering: Numbering, left_out: Sequence[tuple[int, str]]
) -> tuple[tuple[str, str], ...]:
    """What is left out: a workflow once if all its jobs are, for one reason; otherwise job by job."""
    names = tuple(manifest.workflows)
    entries: list[tuple[str, str]] = []
    for number, group in groupby(left_out, lambda entry: numbering.workflow_of[entry[0]]):
        jobs = list(group)
        if len({reason for _, reason in jobs}) == 1 and len(jobs) == len(numbering.jobs_of(number)):
            entries.append((names[number], jobs[0][1]))
        else:
            entries += [(numbering.ids[job], reason) for job, reason in jobs]
    return tuple(entries)


def _plan_jobs(
    read: ReadManifest,
    resolved: Resolved,
    chosen: _Chosen,
    overrides: Overrides,
    durations: Mapping[str, float],
    receiver: _Receiver,
    absent: _Absent,
    conditions: Mapping[int, RunCondition],
) -> tuple[tuple[PlannedJob, ...], tuple[int, ...]]:
    """All jobs, and the critical path through them."""
    numbering = resolved.numbering
    expanders = Expanders(read, overrides)
    entries = list(read.manifest.workflows.items())
    workflows = [entries[numbering.workflow_of[number]] for number in chosen.jobs]
    ids = [numbering.ids[number] for number in chosen.jobs]
    specs = _specs(read, resolved, chosen, expanders, workflows, receiver, absent)
    digests = _digests(ids, specs, _file_digests(resolved, expanders, workflows), chosen)
    level_of = [0] * len(ids)
    for depth, level in enumerate(chosen.levels):
        for index in level:
            level_of[index] = depth
    urgent = urgency(chosen.waits, chosen.levels, weights(ids, specs, durations))
    indices = sorted(chain(*chosen.levels))  # the very integers of the levels: new ones would be 32 bytes a job
    with_fields = resolved.key_index.names(*JOB_KEYS)
    jobs = []
    for index, (name, workflow) in zip(indices, workflows, strict=True):
        job = PlannedJob(
            index=index,
            id=ids[index],
            workflow=name,
            spec=specs[index],
            needs=chosen.needs[index],
            after=chosen.after[index],
            level=level_of[index],
            rank=urgent.ranks[index],
            expected_seconds=durations.get(ids[index]),
            retry=expanders.of(name).retry(workflow),
            matrix=_NO_VALUES,
            digest=digests[index],
        )
        if name in with_fields:  # few are: without the others the jobs are made in a third of the time
            job = replace(job, **job_fields(name, workflow, numbering.values_of(chosen.jobs[index], name)))
        if chosen.jobs[index] in conditions:
            job = replace(job, condition=conditions[chosen.jobs[index]])
        jobs.append(job)
    return tuple(jobs), urgent.path


def _run_matrices(
    read: ReadManifest, resolved: Resolved, chosen: _Chosen, found: list[Diagnostic]
) -> Mapping[str, RunMatrix]:
    """The matrices of the placeholders in the run, by workflow."""
    numbering, names = resolved.numbering, tuple(read.manifest.workflows)
    if not numbering.run_matrices:
        return {}
    from orchestrator.plan.run_matrices import matrices_in_run  # late: most manifests have none

    rows = zip((names[numbering.workflow_of[number]] for number in chosen.jobs), chosen.needs, strict=True)
    needed_by = {
        name: {names[numbering.workflow_of[chosen.jobs[need]]] for need in row}
        for name, row in rows
        if name in numbering.run_matrices
    }
    return matrices_in_run(read.manifest, numbering, needed_by, read.source, found)


def _with_run_matrices(
    names: Sequence[str],
    resolved: Resolved,
    chosen: _Chosen,
    jobs: Sequence[PlannedJob],
    matrices: Mapping[str, RunMatrix],
) -> tuple[PlannedJob, ...]:
    """The jobs, of which some are placeholders, and some need only some cells of these."""
    from orchestrator.plan.run_matrices import chosen_cells  # late: most manifests have none

    numbering, templates = resolved.numbering, resolved.templates
    in_run = {job.workflow for job in jobs}
    choices = [choice for choice in resolved.choices if names[choice.target] in in_run]
    needed = set(chain.from_iterable(chosen.needs)) if chosen.cells else set()
    made = []
    for number, job in zip(chosen.jobs, jobs, strict=True):
        workflow = numbering.workflow_of[number]
        matrix = matrices.get(job.workflow)
        if matrix is not None and number in chosen.cells and job.index not in needed:  # it may be needed as a whole
            matrix = replace(matrix, only=chosen.cells[number])
        scope = TemplateScope(resolved.params.values, job.matrix, job.id, is_placeholder=matrix is not None)
        cells = chosen_cells(workflow, names, choices, numbering, templates, scope)
        made.append(replace(job, run_matrix=matrix, chosen_cells=cells) if matrix or cells else job)
    return tuple(made)


def _absent_values(manifest: Manifest, resolved: Resolved, chosen: _Chosen) -> tuple[_Absent, list[Diagnostic]]:
    """For each job of the run, by its number, the values of needs that are not in the run; PX236 for those that have no
    default."""
    absent: dict[int, Mapping[str, str]] = {}
    found: list[Diagnostic] = []
    names = tuple(manifest.workflows) if resolved.uses else ()
    workflow_of = resolved.numbering.workflow_of
    for number, row in zip(chosen.jobs, chosen.needs, strict=True) if resolved.uses else ():
        uses = resolved.uses.get(names[workflow_of[number]])
        if uses:
            needed = {names[workflow_of[chosen.jobs[need]]] for need in row}
            absent[number] = values_that_are_absent(uses, manifest, needed, found)
    return absent, found


def _specs(
    read: ReadManifest,
    resolved: Resolved,
    chosen: _Chosen,
    expanders: Expanders,
    workflows: Sequence[tuple[str, Workflow]],
    receiver: _Receiver,
    absent: _Absent,
) -> list[JobSpec]:
    """What each job executes."""
    numbering = resolved.numbering
    specs = []
    for number, (name, workflow) in zip(chosen.jobs, workflows, strict=True):
        put = None
        if name in resolved.templated or name == receiver.workflow:
            values = numbering.values_of(number, name)
            args = receiver.args if name == receiver.workflow else ()
            prefix = read.origins[name].prefix if name in read.origins else ""
            absent_here = absent.get(number, {})
            known = resolved.params.values
            is_placeholder = name in numbering.run_matrices
            scope = TemplateScope(known, values, numbering.ids[number], args, prefix, absent_here, is_placeholder)
            put = partial(put_in, templates=resolved.templates, scope=scope)
        specs.append(expanders.of(name).spec(workflow, put))
    return specs


def _file_digests(resolved: Resolved, expanders: Expanders, workflows: Sequence[tuple[str, Workflow]]) -> Sequence[str]:
    with_file = resolved.key_index.names("file")
    return [expanders.of(name).file_digest(workflow) if name in with_file else "" for name, workflow in workflows]


def _digests(ids: Sequence[str], specs: Sequence[JobSpec], files: Sequence[str], chosen: _Chosen) -> list[str]:
    """Level by level: a job's digest covers those of its needs, which are on lower levels."""
    digests = [""] * len(ids)
    digest = JobDigests()
    for level in chosen.levels:
        for index in level:
            needs = [digests[need] for need in chosen.needs[index]]
            digests[index] = digest.of(ids[index], specs[index], files[index], needs)
    return digests
