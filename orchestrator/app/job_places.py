"""Where jobs are declared: looked up in the manifest when an error is shown there, since plans have no positions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from orchestrator.diagnostics.model import Span
from orchestrator.diagnostics.repository import in_repository
from orchestrator.execute.attempt.runbooks import failed_line
from orchestrator.report.annotations import JobPlace
from orchestrator.report.model import RunReport


def job_places(report: RunReport, indices: Iterable[int]) -> dict[int, JobPlace]:
    """Job -> the line of its runbook that failed, else the line of its workflow in the manifest as it is now.

    A workflow that is not there any more has the manifest without a line. What is outside of the repository is left
    out, and so is a manifest that came from standard input.
    """
    plan = report.plan
    span_of: Callable[[str], Span | None] | None = None
    places: dict[int, JobPlace] = {}
    for index in indices:
        job = plan.jobs[index]
        line = failed_line(report.jobs[index].reason, job.spec) if job.spec.file is not None else None
        if line is not None:
            file = os.path.join(plan.base_dir, str(job.spec.file))
        else:
            if span_of is None:
                span_of = _spans_of(plan.manifest)
            span = span_of(job.workflow)
            file, line = (plan.manifest, None) if span is None else (span.file, span.line)
        if os.path.isfile(file) and (path := in_repository(file)) is not None:
            places[index] = JobPlace(path, line)
    return places


def _spans_of(manifest: str) -> Callable[[str], Span | None]:
    """The place of the key of a workflow, also of one that is included; None if the manifest does not have it now."""
    from orchestrator.manifest.load import load

    loaded = load(manifest) if os.path.isfile(manifest) else None
    if loaded is None or loaded.manifest is None:
        return lambda workflow: None
    workflows, source = loaded.manifest.workflows, loaded.source
    return lambda workflow: source.key(("workflows", workflow)) if workflow in workflows else None
