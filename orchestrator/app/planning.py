"""From the path of a manifest to a plan, for every command that plans; and its diagnostics, printed to stderr."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.app.planning_environment import planning_environment
from orchestrator.console.streams import write_stderr
from orchestrator.diagnostics.model import Diagnostic, has_errors
from orchestrator.garbage_collection import collector_paused
from orchestrator.plan.inputs import Overrides, PlanningEnvironment, ReadManifest, Selection
from orchestrator.plan.model import Plan

if TYPE_CHECKING:
    from orchestrator.app.invocation import Invocation
    from orchestrator.manifest.file_facts import Listing, ListingRequest
    from orchestrator.manifest.model import Manifest
    from orchestrator.manifest.read import Loaded

# Diagnostics of planning about missing names, which may be missing only because what declares them cannot be read.
_OF_INCLUDES = {"PX202", "PX204", "PX212", "PX220"}
_OF_PARAMS = {"PX212", "PX217"}
_OF_MATRICES = {"PX209", "PX211", "PX212"}
_OF_CLUSTERS = {"PX315", "PX316", "PX317"}


class PlanningResult(Struct, frozen=True):
    """What planning one manifest gave. `plan` is None if it has errors; `texts` are its files, for snippets.

    `origins` says where parameters come from that are not at their default, `purposes` what parameters are for, both by
    the names that the plan shows. `is_repeatable`: the plan follows from the bytes of the one manifest and from
    `listings`, and there are no diagnostics. `loaded` is the manifest, to plan it again."""

    path: str
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]
    origins: Mapping[str, str] = field(default_factory=dict)
    purposes: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = False
    listings: tuple[tuple[ListingRequest, Listing], ...] = ()
    loaded: Loaded | None = None


def plan_manifest(
    path: str,
    selection: Selection | None = None,
    overrides: Overrides | None = None,
    environment: PlanningEnvironment | None = None,
    run_root: str | None = None,
) -> PlanningResult:
    """Read, check and plan one manifest (`-` is stdin). Without `environment` the plan is not one to run. `run_root` is
    the directory of the runs: how long jobs took in them decides what is urgent.

    What can be planned of a manifest with errors is planned too, so that one pass reports all its errors. Raises
    UsageError for a selection that the manifest does not have, and for a parameter that cannot have the value given.
    """
    from orchestrator.manifest.load import load

    with collector_paused(freeze=True):
        return plan_loaded(load(path), selection, overrides, environment, run_root)


def plan_invocation(invocation: Invocation, run_root: str | None = None) -> PlanningResult:
    """Plan the manifest of an invocation; as `plan_manifest`."""
    root = invocation.run_root if run_root is None else run_root
    return plan_manifest(invocation.manifest, invocation.selection, invocation.overrides, invocation.environment, root)


def plan_loaded(
    loaded: Loaded,
    selection: Selection | None = None,
    overrides: Overrides | None = None,
    environment: PlanningEnvironment | None = None,
    run_root: str | None = None,
) -> PlanningResult:
    """Plan a manifest that was read already; as `plan_manifest`."""
    from orchestrator.plan.make import make_plan

    if loaded.manifest is None:
        return PlanningResult(loaded.path, None, loaded.diagnostics, loaded.source.texts)
    readable = not has_errors(loaded.diagnostics)
    if overrides is not None and any(one.path[:1] == ("clusters",) for one in loaded.diagnostics):
        overrides = replace(overrides, cluster=None, clusters={})  # the chosen one may be what cannot be read
    read = ReadManifest(
        loaded.manifest,
        loaded.source,
        path=loaded.path,
        base_dir=loaded.base_dir,
        files=loaded.files,
        origins=loaded.origins or {},
        key_index=loaded.key_index,
        env_files=loaded.env_files,
        listings=loaded.listings,
    )
    planned = make_plan(
        read,
        environment if environment is not None and readable else planning_environment(),
        selection=selection if readable else None,  # the selected job may be what cannot be read
        overrides=overrides,
        durations=None if run_root is None else known_durations(run_root, loaded.path),
    )
    own = _without_consequences(planned.diagnostics, loaded)
    diagnostics = tuple(sorted((*loaded.diagnostics, *own), key=_position))
    plan = planned.plan if readable else None
    purposes = {name: param.description for name, param in loaded.manifest.params.items() if param.description}
    repeatable = not diagnostics and _is_repeatable(loaded, loaded.manifest)
    listings = tuple(loaded.listings.values())
    return PlanningResult(
        loaded.path, plan, diagnostics, loaded.source.texts, planned.origins, purposes, repeatable, listings, loaded
    )


def _is_repeatable(loaded: Loaded, manifest: Manifest) -> bool:
    """Whether the plan follows from the manifest's own bytes, and from values that can be listed again: no other file,
    no parameter, nothing of the machine."""
    if manifest.include or manifest.params or loaded.files or loaded.env_files:
        return False
    return all(workflow.if_ is None for workflow in manifest.workflows.values())


def known_durations(run_root: str, manifest: str) -> Mapping[str, float]:
    """Job -> seconds, as measured in earlier runs of the manifest in this root."""
    from orchestrator.journal.durations import recall  # `validate` has no use for it

    return recall(run_root, manifest)


def _without_consequences(diagnostics: tuple[Diagnostic, ...], loaded: Loaded) -> list[Diagnostic]:
    """The diagnostics of planning except those that may only follow from what could not be read."""
    hidden: set[str] = set(_OF_INCLUDES) if loaded.incomplete else set()
    for diagnostic in loaded.diagnostics:
        if diagnostic.path[:1] == ("params",):
            hidden |= _OF_PARAMS
        if diagnostic.path[:1] == ("clusters",):
            hidden |= _OF_CLUSTERS
        if "matrix" in diagnostic.path[2:4]:
            hidden |= _OF_MATRICES
    return [diagnostic for diagnostic in diagnostics if diagnostic.code not in hidden]


def _position(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return (span.file, span.line, span.column) if span else ("", 0, 0)


def print_diagnostics(result: PlanningResult) -> None:
    """Print the errors and warnings of a manifest as snippets to stderr, if there are any."""
    if result.diagnostics:
        from orchestrator.diagnostics.render_text import DiagnosticRenderer

        write_stderr(DiagnosticRenderer.for_stderr(result.texts).all(result.diagnostics, result.path))


def print_warnings(warnings: tuple[tuple[str, str], ...]) -> None:
    """Print warnings without a place, each with a hint that may be empty, to stderr."""
    if warnings:
        from orchestrator.diagnostics.model import Severity
        from orchestrator.diagnostics.render_text import DiagnosticRenderer

        renderer = DiagnosticRenderer.for_stderr({})
        write_stderr("".join(renderer.message(Severity.WARNING, message, hint) for message, hint in warnings))
