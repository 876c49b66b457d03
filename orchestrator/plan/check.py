"""Checks a manifest for everything that can be found without running it, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from orchestrator.diagnostics.model import Diagnostic, Note, Path, Severity, Span, has_errors
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.cluster_keys import LOCAL_CLUSTER
from orchestrator.manifest.file_facts import RunbookProblem
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.scalars import Value
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.cluster_policy import cluster_hint
from orchestrator.plan.cycles import CyclicComponent, cyclic_components
from orchestrator.plan.env_paths import check_env_paths
from orchestrator.plan.expand import isolation_of
from orchestrator.plan.graph import CycleError, Levels, levels
from orchestrator.plan.inputs import PlanningEnvironment, ReadManifest
from orchestrator.plan.job_edges import ChoiceValues, job_edges
from orchestrator.plan.late_values import OPENING
from orchestrator.plan.model import Isolation
from orchestrator.plan.need_references import NeedUse, check_number_of_jobs
from orchestrator.plan.numbering import Numbering, number_jobs
from orchestrator.plan.params import Params, resolve_params
from orchestrator.plan.references import References
from orchestrator.plan.script_text import check_scripts
from orchestrator.plan.secret_references import check_secrets
from orchestrator.plan.template import Templates, TemplateScope
from orchestrator.plan.unread_places import UnreadPlaces, not_expanded
from orchestrator.plan.workflow_edges import VERBS, Choice, Edges, named_in, resolve_edges

_UNUSABLE = {"directory": "is a directory", "unreadable": "cannot be read, or is not a regular file"}
# A message names all of a cycle up to this length, and of a longer one both ends.
_LONGEST_NAMED = 20
_OF_EDGES: tuple[Path, ...] = (("needs",), ("after",))
_SANDBOX_KEYS = ("writes", "network", "reads")


class Resolved(Struct, frozen=True):
    """What the names and values in a manifest mean: which workflows have which keys; the jobs that there may be, their
    edges and their levels (meaningless with errors), with the entries of `needs` that mean only some jobs; the
    parameters; the workflows whose texts hold templates, with the parsed texts; the outputs that each workflow uses of
    others; and what was found, ordered by position."""

    key_index: KeyIndex
    numbering: Numbering
    edges: Edges
    choices: Sequence[Choice]
    levels: Levels
    params: Params
    templated: set[str]
    templates: Templates
    uses: Mapping[str, Sequence[NeedUse]]
    diagnostics: tuple[Diagnostic, ...]


def check(read: ReadManifest, environment: PlanningEnvironment) -> Resolved:
    """Resolve and check the whole manifest."""
    manifest, source, origins = read.manifest, read.source, read.origins
    found: list[Diagnostic] = []
    own = ManifestOrigin("", manifest.defaults, source)
    key_index = read.key_index or KeyIndex(manifest.workflows)
    templates = Templates()
    params = resolve_params(manifest, source, environment, found)
    edges, ordered = _edges_of_workflows(manifest, source, found)
    numbering = number_jobs(manifest, key_index, read.listings, source, found)
    edges_are_known = not has_errors(found)
    references = References(manifest, numbering, source, templates, found)
    references.check_all(own, origins, key_index, edges.choosing)
    choices = edges.choices
    if numbering.run_matrices:
        from orchestrator.plan.run_matrices import check_run_matrices  # late: most manifests have none

        check_run_matrices(manifest, numbering, choices, references.uses, templates, source, found)
    if edges_are_known and not any(one.path[2:3] in _OF_EDGES for one in found if one.severity is Severity.ERROR):
        choice_values = _choice_values(manifest, numbering, params, templates)
        of_jobs = job_edges(manifest, numbering, edges, choice_values, source, found)
        if of_jobs is not edges:
            edges, ordered = of_jobs, levels(of_jobs.waits)
        for uses in (references.uses, references.need_tests.uses):
            check_number_of_jobs(uses, manifest, numbering, edges.needs, found)
    _check_pools(manifest, key_index, source, found)
    _check_cluster(manifest, source, found)
    if requiring := key_index.of("requires"):
        from orchestrator.plan.cluster_fit import check_labels  # late: few manifests have any

        check_labels(manifest, requiring, source, found)
    check_secrets(manifest, key_index, source, found)
    if read.env_files:
        from orchestrator.plan.env_file_values import check_env_files  # late: most manifests name none

        check_env_files(read, key_index, own, found)
    check_env_paths(read, key_index, own, found)
    _check_sandbox_keys(key_index, source, own, origins, found)
    _check_cache_keys(manifest, key_index, source, found)
    _check_files(read, key_index, found)
    check_scripts(manifest, source, read.files, own, origins, key_index, found)
    UnreadPlaces(manifest, source, found).check_all(own, origins, key_index)
    diagnostics = tuple(sorted(found, key=_position))
    return Resolved(
        key_index,
        numbering,
        edges,
        choices,
        ordered,
        params,
        references.templated,
        templates,
        references.uses,
        diagnostics,
    )


def _edges_of_workflows(manifest: Manifest, source: SourceMap, found: list[Diagnostic]) -> tuple[Edges, Levels]:
    """The edges between workflows and the levels that follow; `found` gets PX201 for each cycle, of which there are no
    levels."""
    edges = resolve_edges(manifest, source, found)
    try:
        return edges, levels(edges.waits)
    except CycleError:
        names = tuple(manifest.workflows)
        cyclic = cyclic_components(edges.waits)
        found += [_circular(component, names, edges, manifest, source) for component in cyclic]
        return edges, ()


def _choice_values(manifest: Manifest, numbering: Numbering, params: Params, templates: Templates) -> ChoiceValues:
    """Computes the values that an entry of `needs` chooses for one of the workflow's jobs."""
    names = tuple(manifest.workflows)
    known = params.values

    def values_of(choice: Choice, job: int) -> Mapping[str, Value] | None:
        cell = numbering.cell_of(job, names[choice.workflow])
        if names[choice.target] in numbering.run_matrices or names[choice.workflow] in numbering.run_matrices:
            return None
        scope = TemplateScope(known, {} if cell is None else cell.values, numbering.ids[job])
        values: dict[str, Value] = {}
        for key, value in (choice.matrix or {}).items():
            values[key] = value
            if isinstance(value, str) and OPENING in value:
                parts = templates.parse(value).parts
                if any(
                    not isinstance(part, str) and part.root == "params" and part.name not in known for part in parts
                ):
                    return None
                values[key] = "".join(part if isinstance(part, str) else scope.value(part) for part in parts)
        return values

    return values_of


def _position(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
    span = diagnostic.span
    return (span.file, span.line, span.column, diagnostic.code) if span else ("", 0, 0, diagnostic.code)


def _circular(
    component: CyclicComponent, names: tuple[str, ...], edges: Edges, manifest: Manifest, source: SourceMap
) -> Diagnostic:
    cycle = component.cycle
    notes = []
    paths: list[Path] = []
    for job, awaited in zip(cycle, cycle[1:] + cycle[:1], strict=True):
        key = "needs" if awaited in edges.needs[job] else "after"
        entries = getattr(manifest.workflows[names[job]], key)
        place = next(number for number, entry in enumerate(entries) if named_in(entry) == names[awaited])
        path: Path = ("workflows", names[job], key, place)
        paths.append(path)
        notes.append(Note(f"`{names[job]}` {VERBS[key]} `{names[awaited]}`", source.value(path)))
    message = f"circular dependency: {_chain([names[job] for job in cycle])}"
    return Diagnostic("PX201", message, notes[0].span, paths[0], tuple(notes), _advice(component, names))


def _chain(names: list[str]) -> str:
    cycle = [f"`{name}`" for name in (*names, names[0])]
    if len(names) > _LONGEST_NAMED:
        half = _LONGEST_NAMED // 2
        cycle[half : len(cycle) - half] = [f"... ({len(names) - 2 * half + 1} more) ..."]
    return " -> ".join(cycle)


def _advice(component: CyclicComponent, names: tuple[str, ...]) -> str:
    """Which edge to remove. Where all edges of a cycle but one lead the same way through the file, it is that one."""
    cycle = component.cycle
    edges = list(zip(cycle, cycle[1:] + cycle[:1], strict=True))
    forward = [edge for edge in edges if edge[0] < edge[1]]
    backward = [edge for edge in edges if edge[0] > edge[1]]
    odd = min(forward, backward, key=len)
    if len(odd) == 1 and len(cycle) > 2:
        job, awaited = odd[0]
        advice = f"remove one of these edges; `{names[job]} -> {names[awaited]}` is the only one that closes the cycle"
    else:
        job, awaited = edges[-1]
        advice = f"remove one of these edges, for example `{names[job]} -> {names[awaited]}`"
    return advice + ("; there are more cycles through these workflows" if component.has_more else "")


def _check_cluster(manifest: Manifest, source: SourceMap, found: list[Diagnostic]) -> None:
    name = manifest.policy.cluster
    if name != LOCAL_CLUSTER and name not in manifest.clusters:
        path: Path = ("policy", "cluster")
        found.append(
            Diagnostic(
                "PX315",
                f"unknown cluster `{name}`",
                source.value(path),
                path,
                (Note("no such cluster", source.value(path)),),
                cluster_hint(name, manifest),
            )
        )


def _check_pools(manifest: Manifest, key_index: KeyIndex, source: SourceMap, found: list[Diagnostic]) -> None:
    sizes = manifest.policy.pools
    suggester = Suggester(sizes)
    for name, workflow in key_index.of("pools").items():
        for pool, demand in workflow.pools.items():
            path: Path = ("workflows", name, "pools", pool)
            if pool not in sizes:
                found.append(_unknown_pool(name, pool, source.key(path), path, suggester))
            elif demand > sizes[pool]:
                declared = source.value(("policy", "pools", pool))
                found.append(_too_much(name, pool, (demand, sizes[pool]), (source.value(path), declared), path))


def _unknown_pool(name: str, pool: str, span: Span | None, path: Path, suggester: Suggester) -> Diagnostic:
    advice = suggester.did_you_mean(pool) or "declare it with its size under `policy.pools`"
    label = Note("no such pool", span)
    return Diagnostic("PX204", f"unknown pool `{pool}` in `{name}`", span, path, (label,), advice)


def _too_much(
    name: str, pool: str, amounts: tuple[int, int], spans: tuple[Span | None, Span | None], path: Path
) -> Diagnostic:
    demand, size = amounts
    notes = (Note(f"needs {demand:,}", spans[0]), Note(f"has {size:,}", spans[1]))
    message = (
        f"`{name}` needs {demand:,} {'unit' if demand == 1 else 'units'} of pool `{pool}`, which has only {size:,}"
    )
    return Diagnostic(
        "PX203", message, spans[0], path, notes, "it could never start; request fewer units, or enlarge the pool"
    )


def _check_sandbox_keys(
    key_index: KeyIndex,
    source: SourceMap,
    own: ManifestOrigin,
    origins: Mapping[str, ManifestOrigin],
    found: list[Diagnostic],
) -> None:
    """PX222 for `writes` and `network` of a workflow without a sandbox: they promise what is not enforced."""
    for name, workflow in key_index.of(*_SANDBOX_KEYS).items():
        isolation = isolation_of(workflow, origins.get(name, own).defaults)
        if isolation is Isolation.SANDBOX:
            continue
        for key in _SANDBOX_KEYS:
            if key in workflow.given:
                path: Path = ("workflows", name, key)
                message = f"`{key}` of `{name}` has no effect: its isolation is `{isolation.value}`"
                advice = f"add `isolation: sandbox`, or remove `{key}`"
                found.append(
                    Diagnostic("PX222", message, source.key(path), path, help=advice, severity=Severity.WARNING)
                )


def _check_cache_keys(manifest: Manifest, key_index: KeyIndex, source: SourceMap, found: list[Diagnostic]) -> None:
    """PX253 for what counts only for jobs that can be up to date."""
    for name, workflow in key_index.of("cache", "outputs", "reads").items():
        if workflow.inputs is not None:
            continue
        if "cache" in workflow.given:
            path: Path = ("workflows", name, "cache")
            message = f"`cache` of `{name}` has no effect: without `inputs` it always runs"
            advice = "add `inputs`, or remove `cache`"
            found.append(Diagnostic("PX253", message, source.key(path), path, help=advice, severity=Severity.WARNING))
        if workflow.reads == "declared":
            path = ("workflows", name, "reads")
            message = f"`reads: declared` of `{name}` requires `inputs`"
            found.append(Diagnostic("PX253", message, source.key(path), path, help="add `inputs`, or remove `reads`"))
        for output, one in workflow.outputs.items():
            if one.fresh:
                path = ("workflows", name, "outputs", output, "fresh")
                message = f"`fresh` of the output `{output}` of `{name}` requires `inputs`"
                advice = "what an earlier run made is known only of jobs with `inputs`"
                found.append(Diagnostic("PX253", message, source.key(path), path, help=advice))


def _check_files(read: ReadManifest, key_index: KeyIndex, found: list[Diagnostic]) -> None:
    source = read.source
    for name, workflow in key_index.of("file").items():
        if workflow.file is None or OPENING in workflow.file:
            continue
        file = read.origins[name].path_of(workflow.file) if name in read.origins else workflow.file
        facts = read.files.get(file)
        path: Path = ("workflows", name, "file")
        span = source.value(path)
        if facts is None or facts.kind == "missing":
            message = f"`{name}` runs `{workflow.file}`, which does not exist"
            advice = not_expanded(workflow.file) or "paths are relative to the manifest's directory"
            found.append(Diagnostic("PX205", message, span, path, (Note("no such file", span),), advice))
        elif facts.kind in _UNUSABLE:
            problem = _UNUSABLE[facts.kind]
            message = f"`{name}` cannot run `{workflow.file}`: it {problem}"
            found.append(Diagnostic("PX206", message, span, path, (Note(problem, span),)))
        elif facts.problem is not None:
            found.append(_unusable_runbook(name, workflow.file, facts.problem, read.shown(file), span, path))


def _unusable_runbook(
    name: str, file: str, problem: RunbookProblem, shown: str, span: Span | None, path: Path
) -> Diagnostic:
    message = f"`{name}` cannot run the runbook `{file}`: {problem.message}"
    notes = [Note("this runbook", span)]
    if problem.line:
        notes.append(Note("the block opens here", Span(shown, problem.line, 1, len(problem.text) or 1)))
    return Diagnostic("PX231", message, span, path, tuple(notes), problem.help)
