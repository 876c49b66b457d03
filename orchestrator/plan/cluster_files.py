"""Which jobs cannot run on workers that have none of pexec's files."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.diagnostics.model import Diagnostic, Path
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.late_values import places_of_value, texts_of
from orchestrator.plan.model import PlannedJob
from orchestrator.plan.policy_parts import ClusterPolicy

_HERE = "`where: local` keeps the job on this machine"


def check_cluster_files(
    jobs: Sequence[PlannedJob], cluster: ClusterPolicy, source: SourceMap, found: list[Diagnostic]
) -> None:
    """PX326 for a workflow whose jobs use files that pexec itself reads or makes, and would run where these are not."""
    if cluster.files != "none":
        return
    reported: set[str] = set()
    for job in jobs:
        if job.where == "local" or job.workflow in reported:
            continue
        if found_in := _uses(job):
            reported.add(job.workflow)
            key, what, help_ = found_in
            path: Path = ("workflows", job.workflow, *([key] if key else []))
            message = f"`{job.id}` cannot run on the cluster `{cluster.name}`, which has `files: none`: {what}"
            found.append(Diagnostic("PX326", message, source.key(path), path, help=help_))


def _uses(job: PlannedJob) -> tuple[str, str, str] | None:
    """The key, what is wrong with it, and what to do."""
    if job.spec.inputs is not None:
        return "inputs", "pexec reads `inputs` on this machine, and the job reads other files there", _HERE
    if job.spec.output_files:
        advice = f"{_HERE}; values, without `path`, arrive from anywhere"
        return "outputs", "its output files would be on a worker, and pexec looks for them on this machine", advice
    if job.spec.late and any(
        place in text for place in places_of_value(job.spec, "run.dir") for text in texts_of(job.spec)
    ):
        advice = f"`$PEXEC_RUN_DIR` is a private directory there; {_HERE}"
        return "", "`${{ run.dir }}` is a directory of this machine", advice
    return None
