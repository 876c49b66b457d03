"""What a drawing of the dependency graph shows: a node for each job, or for each band of levels if there are many."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Container, Sequence

from msgspec import Struct

from orchestrator.console.text import clip, count, visible
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.report.large_runs import level_ranges
from orchestrator.report.page.badges import Badge, status_badge
from orchestrator.report.status import FAILED_STATUSES, Status

MOST_NODES = 300
MOST_EDGES = 1500
MOST_BENDS = 6000
MOST_BANDS = 24
LONGEST_LABEL = 28  # columns
_MOST_NAMES = 6

Outcome = tuple[Status, bool]  # of a job: its status, and whether its failure is allowed


class Node(Struct, frozen=True):
    """`lines` are drawn, the first in bold type; `title` is read out and shown by the pointer. `job` is the index of
    the job that the node stands for."""

    layer: int
    lines: tuple[str, ...]
    title: str
    kind: str
    symbol: str
    job: int | None = None
    is_group: bool = False


class Edge(Struct, frozen=True):
    """From a node to one that waits for it; `soft`: whatever the outcome, as with `after`; `critical`: on the critical
    path. `label` may be empty."""

    source: int
    target: int
    soft: bool = False
    critical: bool = False
    label: str = ""


class Graph(Struct, frozen=True):
    """Nodes and edges of a drawing; `is_folded` if its nodes are not jobs."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    is_folded: bool = False


def graph_of(
    plan: Plan, outcomes: Sequence[Outcome] | None, most_nodes: int = MOST_NODES, path: Sequence[str] = ()
) -> Graph:
    """The graph of a plan, folded if it is large; without `outcomes`, of a plan that has not run. `path` has the jobs
    of the critical path."""
    spans = sum(job.level - plan.jobs[other].level - 1 for job in plan.jobs for other in (*job.needs, *job.after))
    edges = sum(len(job.needs) + len(job.after) for job in plan.jobs)
    share = most_nodes / MOST_NODES
    if len(plan.jobs) <= most_nodes and edges <= MOST_EDGES * share and spans <= MOST_BENDS * share:
        return _of_jobs(plan, outcomes, set(itertools.pairwise(path)))
    return _of_bands(plan, outcomes)


def _of_jobs(plan: Plan, outcomes: Sequence[Outcome] | None, path: Container[tuple[str, str]]) -> Graph:
    nodes = [_job_node(plan, job, outcomes[job.index] if outcomes else None) for job in plan.jobs]
    edges = [
        Edge(other, job.index, soft=is_soft, critical=(plan.jobs[other].id, job.id) in path)
        for job in plan.jobs
        for is_soft, others in ((False, job.needs), (True, [one for one in job.after if one not in job.needs]))
        for other in others
    ]
    return Graph(nodes, edges)


def _job_node(plan: Plan, job: PlannedJob, outcome: Outcome | None) -> Node:
    badge = status_badge(outcome[0], allowed=outcome[1]) if outcome else Badge("off", "", "")
    name = visible(job.id)
    parts = [badge.words] if outcome else []
    if job.needs:
        parts.append(f"needs {_names(plan, job.needs)}")
    if job.after:
        parts.append(f"after {_names(plan, job.after)}")
    title = f"{name}: {', '.join(parts)}" if parts else name
    return Node(job.level, (clip(name, LONGEST_LABEL),), title, badge.kind, badge.symbol, job.index, job.spec.is_group)


def _names(plan: Plan, indices: Sequence[int]) -> str:
    names = [visible(plan.jobs[index].id) for index in indices[:_MOST_NAMES]]
    more = len(indices) - len(names)
    return " ".join([*names, *([f"and {more} more"] if more else [])])


def _of_bands(plan: Plan, outcomes: Sequence[Outcome] | None) -> Graph:
    """A chain of bands of levels, with the number of dependencies between neighbours."""
    ranges = level_ranges(len(plan.levels), MOST_BANDS)
    band_of_level = [band for band, (first, end) in enumerate(ranges) for _ in range(first, end)]
    nodes = []
    for band, (first, end) in enumerate(ranges):
        members = [index for level in plan.levels[first:end] for index in level]
        name = f"Level {first + 1}" if end == first + 1 else f"Levels {first + 1}-{end}"
        jobs = count(len(members), "job")
        if outcomes is None:
            nodes.append(Node(band, (name, jobs), f"{name}: {jobs}", "off", ""))
            continue
        counts = Counter(outcomes[index] for index in members)
        parts = [
            f"{number} {status_badge(status, allowed=allowed).words}" for (status, allowed), number in counts.items()
        ]
        badge = _worst(counts)
        nodes.append(Node(band, (name, jobs, *parts), f"{name}: {jobs}, {', '.join(parts)}", badge.kind, badge.symbol))
    between: Counter[tuple[int, int]] = Counter()
    for job in plan.jobs:
        here = band_of_level[job.level]
        for other in (*job.needs, *job.after):
            between[band_of_level[plan.jobs[other].level], here] += 1
    edges = [
        Edge(source, target, label=str(number))
        for (source, target), number in sorted(between.items())
        if target == source + 1
    ]
    return Graph(nodes, edges, is_folded=True)


def _worst(counts: Counter[Outcome]) -> Badge:
    """The badge of what matters most among these."""
    failed = [(status, allowed) for status, allowed in counts if status in FAILED_STATUSES]
    order = [
        *sorted(failed, key=lambda one: (one[1], one[0])),
        (Status.RUNNING, False),
        (Status.CANCELLED, False),
        (Status.SUCCESS, False),
        (Status.PENDING, False),
        (Status.SKIPPED, False),
    ]
    status, allowed = next(one for one in order if counts[one])
    return status_badge(status, allowed=allowed)
