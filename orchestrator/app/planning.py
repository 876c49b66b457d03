"""From a path to a plan: read, check, plan; and the faults that were found, on stderr. For every command that plans."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from orchestrator.console.streams import write_stderr
from orchestrator.diagnostics.model import Diagnostic, has_errors
from orchestrator.plan.inputs import Overrides, Selection
from orchestrator.plan.model import Plan
from orchestrator.plan.planning_environment import PlanningEnvironment

if TYPE_CHECKING:
    from orchestrator.manifest.model import Manifest
    from orchestrator.manifest.read import Loaded

# What planning says of names that are missing, perhaps only because what declares them cannot be read.
_OF_INCLUDES = {"PX202", "PX204", "PX212", "PX220"}
_OF_PARAMS = {"PX212", "PX217"}
_OF_MATRICES = {"PX209", "PX211", "PX212"}


class Verdict(Struct, frozen=True):
    """What is to be said of one manifest; `texts` are its files, for snippets. `plan` is None if it has errors.
    `origins` tells where parameters come from that are not their default, by the names that the plan shows;
    `purposes` what parameters are for, where the manifest says so. `is_repeatable`: the plan follows from the bytes of
    the one manifest, and nothing is to be said of it."""

    path: str
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]
    origins: Mapping[str, str] = field(default_factory=dict)
    purposes: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = False


def judge(
    path: str,
    selection: Selection | None = None,
    overrides: Overrides | None = None,
    around: PlanningEnvironment | None = None,
    run_root: str | None = None,
) -> Verdict:
    """Read, check and plan one manifest (`-` is stdin). Raises UsageError for a selection that means nothing, and for
    a parameter from outside that it cannot be given. Without `around` the plan is not one to run. `run_root` is where
    runs are kept: how long jobs took in them decides what is urgent.

    What can be planned of a manifest with errors is planned too, so that all its errors are told in one pass.
    """
    from orchestrator.manifest.load import load

    gc.disable()  # a large plan is all survivors; looking for garbage among them takes longer than making them
    try:
        return assess(load(path), selection, overrides, around, run_root)
    finally:
        gc.freeze()
        gc.enable()


def assess(
    loaded: Loaded,
    selection: Selection | None = None,
    overrides: Overrides | None = None,
    around: PlanningEnvironment | None = None,
    run_root: str | None = None,
) -> Verdict:
    """As `judge`, of a manifest that was read already."""
    from orchestrator.plan.make import make_plan

    if loaded.manifest is None:
        return Verdict(loaded.path, None, loaded.diagnostics, loaded.source.texts)
    readable = not has_errors(loaded.diagnostics)
    planned = make_plan(
        loaded.manifest,
        loaded.source,
        manifest_path=loaded.path,
        base_dir=loaded.base_dir,
        files=loaded.files,
        cpus=len(os.sched_getaffinity(0)),
        selection=selection if readable else None,  # the job that was asked for may be what cannot be read
        overrides=overrides,
        origins=loaded.origins,
        around=around if around is not None and readable else planning_environment(),
        durations=None if run_root is None else known_durations(run_root, loaded.path),
    )
    diagnostics = tuple(sorted((*loaded.diagnostics, *_own_faults(planned.diagnostics, loaded)), key=_position))
    plan = planned.plan if readable else None
    purposes = {name: param.description for name, param in loaded.manifest.params.items() if param.description}
    repeatable = not diagnostics and is_repeatable(loaded.manifest)
    return Verdict(loaded.path, plan, diagnostics, loaded.source.texts, planned.origins, purposes, repeatable)


def is_repeatable(manifest: Manifest) -> bool:
    """Whether the plan follows from the manifest's own bytes: no other file, no parameter, no look at the machine."""
    from orchestrator.manifest.key_index import KeyIndex

    return not (manifest.include or manifest.params or KeyIndex(manifest.workflows).names("file", "if_"))


def planning_environment(
    given: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None, *, to_run: bool = False
) -> PlanningEnvironment:
    """This machine and process, with the parameters of a command line and more variables than the environment has."""
    system = os.uname()
    return PlanningEnvironment(given or {}, {**os.environ, **(env or {})}, system.sysname, system.machine, to_run)


def known_durations(run_root: str, manifest: str) -> Mapping[str, float]:
    """Job -> seconds, as earlier runs of the manifest in this root have shown."""
    from orchestrator.journal.durations import recall  # `validate` has no use for it

    return recall(run_root, manifest)


def _own_faults(diagnostics: tuple[Diagnostic, ...], loaded: Loaded) -> list[Diagnostic]:
    """The faults of planning without those that may only follow from what could not be read."""
    hidden: set[str] = set(_OF_INCLUDES) if loaded.incomplete else set()
    for fault in loaded.diagnostics:
        if fault.path[:1] == ("params",):
            hidden |= _OF_PARAMS
        if "matrix" in fault.path[2:4]:
            hidden |= _OF_MATRICES
    return [diagnostic for diagnostic in diagnostics if diagnostic.code not in hidden]


def _position(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return (span.file, span.line, span.column) if span else ("", 0, 0)


def tell_faults(verdict: Verdict) -> None:
    """The errors and warnings of a manifest as snippets on stderr; nothing where there are none."""
    if verdict.diagnostics:
        from orchestrator.diagnostics.render_text import Renderer

        write_stderr(Renderer.for_stderr(verdict.texts).all(verdict.diagnostics, verdict.path))


def tell_warnings(warnings: tuple[tuple[str, str], ...]) -> None:
    """Warnings without a place, each with a hint that may be empty, on stderr."""
    if warnings:
        from orchestrator.diagnostics.model import Severity
        from orchestrator.diagnostics.render_text import Renderer

        renderer = Renderer.for_stderr({})
        write_stderr("".join(renderer.fault(Severity.WARNING, message, hint) for message, hint in warnings))
