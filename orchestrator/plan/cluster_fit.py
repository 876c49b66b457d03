"""Which jobs no worker of a cluster could run, and what it lacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from orchestrator.console.text import count, size
from orchestrator.diagnostics.model import Diagnostic, Note, Path, Severity
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.scalars import format_duration
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.model import PlannedJob
from orchestrator.plan.policy_parts import ClusterPolicy


class Offer(Struct, frozen=True):
    """What a worker has. None for CPUs and memory that do not keep a job from it."""

    labels: Collection[str] = ()
    cpus: float | None = None
    memory: int | None = None


def what_is_lacking(job: PlannedJob, offers: Sequence[Offer]) -> str:
    """Why none of these workers, of which there is at least one, could run the job; empty if one could."""
    if any(_takes(offer, job) for offer in offers):
        return ""
    labels = {label for offer in offers for label in offer.labels}
    if missing := [f"`{label}`" for label in job.requires if label not in labels]:
        return f"it requires {' and '.join(missing)}, which no worker has"
    most_cpus = max(_unless_none(offer.cpus, job.cpus) for offer in offers)
    if job.cpus > most_cpus:
        return f"it asks for {_cpus(job.cpus)}, and the largest worker has {most_cpus:g}"
    most_memory = max(_unless_none(offer.memory, job.memory) for offer in offers)
    if job.memory > most_memory:
        return f"it asks for {size(job.memory)} of memory, and the largest worker has {size(int(most_memory))}"
    return "no worker has all that it asks for at once"


def _takes(offer: Offer, job: PlannedJob) -> bool:
    return (
        set(job.requires) <= set(offer.labels)
        and job.cpus <= _unless_none(offer.cpus, job.cpus)
        and job.memory <= _unless_none(offer.memory, job.memory)
    )


def _unless_none(amount: float | None, asked: float) -> float:
    return asked if amount is None else amount


def _cpus(number: float) -> str:
    return count(int(number), "CPU") if number == int(number) else f"{number:g} CPUs"


def check_labels(
    manifest: Manifest, requiring: Mapping[str, Workflow], source: SourceMap, found: list[Diagnostic]
) -> None:
    """PX317 for a label that no cluster has and that is the name of a workflow: other tools call `requires` what is
    `needs` here."""
    known = {label for cluster in manifest.clusters.values() for label in cluster.labels}
    for name, workflow in requiring.items():
        for number, label in enumerate(workflow.requires):
            if label in manifest.workflows and label not in known:
                path: Path = ("workflows", name, "requires", number)
                message = f"`requires` of `{name}` names a label of workers, not the workflow `{label}`"
                note = Note("no cluster has this label", source.value(path))
                advice = f"to wait for it, write `needs: [{label}]`"
                found.append(Diagnostic("PX317", message, source.value(path), path, (note,), advice, Severity.WARNING))


def check_cluster_fit(
    jobs: Sequence[PlannedJob], cluster: ClusterPolicy, source: SourceMap, found: list[Diagnostic]
) -> None:
    """PX316 for a workflow whose jobs no worker of the cluster could ever run."""
    offers = [Offer(cluster.labels)]
    reported: set[str] = set()
    for job in jobs:
        if job.workflow in reported or not job.requires:
            continue
        if lack := what_is_lacking(job, offers):
            reported.add(job.workflow)
            path: Path = ("workflows", job.workflow, "requires")
            message = f"no worker of the cluster `{cluster.name}` can run `{job.id}`: {lack}"
            advice = f"`labels` of the cluster says what its workers have{_labels_text(cluster.labels)}"
            note = Note("not a label of the cluster", source.value(path))
            found.append(Diagnostic("PX316", message, source.value(path), path, (note,), advice))


def check_walltime(
    jobs: Sequence[PlannedJob], cluster: ClusterPolicy, source: SourceMap, found: list[Diagnostic]
) -> None:
    """PX319 for a `timeout` that someone wrote and that is longer than a worker lives."""
    walltime = None if cluster.queue is None else cluster.queue[1].walltime
    reported: set[str] = set()
    for job in jobs:
        if walltime is None or job.spec.timeout is None or job.spec.timeout <= walltime or job.workflow in reported:
            continue
        reported.add(job.workflow)
        paths: tuple[Path, ...] = (("workflows", job.workflow, "timeout"), ("defaults", "timeout"))
        path = next((path for path in paths if source.value(path) != source.value(path[:-1])), None)
        if path is not None and job.where != "local":
            limit, lives = format_duration(job.spec.timeout), format_duration(walltime)
            message = f"the timeout of `{job.workflow}`, {limit}, is longer than the walltime of its worker, {lives}"
            advice = f"use a longer `walltime` of the cluster `{cluster.name}`, or a shorter `timeout`"
            found.append(Diagnostic("PX319", message, source.value(path), path, (), advice, Severity.WARNING))


def _labels_text(labels: Sequence[str]) -> str:
    return f": {', '.join(f'`{label}`' for label in labels)}" if labels else ""
