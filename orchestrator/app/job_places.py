"""Where jobs are declared: looked up in the manifest when an error is shown there, since plans have no positions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

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
    declared: Mapping[str, Span] | None = None
    places: dict[int, JobPlace] = {}
    for index in indices:
        job = plan.jobs[index]
        line = failed_line(report.jobs[index].reason, job.spec) if job.spec.file is not None else None
        if line is not None:
            file = os.path.join(plan.base_dir, str(job.spec.file))
        else:
            if declared is None:
                declared = _declared(plan.manifest)
            span = declared.get(job.workflow)
            file, line = (plan.manifest, None) if span is None else (span.file, span.line)
        if os.path.isfile(file) and (path := in_repository(file)) is not None:
            places[index] = JobPlace(path, line)
    return places


def _declared(manifest: str) -> dict[str, Span]:
    """Workflow -> the place of its key, also of those that are included. Empty if the manifest cannot be read again."""
    from orchestrator.manifest.load import load

    if not os.path.isfile(manifest):
        return {}
    loaded = load(manifest)
    if loaded.manifest is None:
        return {}
    found = ((name, loaded.source.key(("workflows", name))) for name in loaded.manifest.workflows)
    return {name: span for name, span in found if span is not None}
