"""From a path to a plan: read, check, plan; and the faults that were found, on stderr. For every command that plans."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.cli.streams import write_stderr
from orchestrator.diagnostics import Diagnostic, has_errors
from orchestrator.manifest.load import load
from orchestrator.plan.expand import Overrides
from orchestrator.plan.make import make_plan
from orchestrator.plan.model import Plan
from orchestrator.plan.select import Selection


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one manifest; `texts` are its files, for snippets. `plan` is None if it has errors."""

    path: str
    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]


def judge(path: str, selection: Selection | None = None, overrides: Overrides | None = None) -> Verdict:
    """Read, check and plan one manifest (`-` is stdin). Raises UsageError for a selection that means nothing.

    What can be planned of a manifest with errors is planned too, so that all its errors are told in one pass.
    """
    gc.disable()  # a large plan is all survivors; looking for garbage among them takes longer than making them
    try:
        loaded = load(path)
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
        )
        diagnostics = tuple(sorted((*loaded.diagnostics, *planned.diagnostics), key=_position))
        return Verdict(loaded.path, planned.plan if readable else None, diagnostics, loaded.source.texts)
    finally:
        gc.freeze()
        gc.enable()


def _position(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return (span.file, span.line, span.column) if span else ("", 0, 0)


def tell_faults(verdict: Verdict) -> None:
    """The errors and warnings of a manifest as snippets on stderr; nothing where there are none."""
    if verdict.diagnostics:
        from orchestrator.cli.show import Renderer

        write_stderr(Renderer.for_stderr(verdict.texts).all(verdict.diagnostics, verdict.path))


def tell_warnings(warnings: tuple[tuple[str, str], ...]) -> None:
    """Warnings without a place, each with a hint that may be empty, on stderr."""
    if warnings:
        from orchestrator.cli.show import Renderer
        from orchestrator.diagnostics import Severity

        renderer = Renderer.for_stderr({})
        write_stderr("".join(renderer.fault(Severity.WARNING, message, hint) for message, hint in warnings))
