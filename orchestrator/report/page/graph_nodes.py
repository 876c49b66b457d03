"""What a drawing of the dependency graph shows: a node for each job, or for each band of levels if there are many."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Container, Sequence

from msgspec import Struct

from orchestrator.console.text import count, shortened, visible
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.report.large_runs import level_ranges
from orchestrator.report.page.badges import Badge

MOST_NODES = 300
MOST_EDGES = 1500
MOST_BENDS = 6000
MOST_BANDS = 24
LONGEST_LABEL = 28  # columns
_MOST_NAMES = 6

_WORST_FIRST = ("bad", "warn", "busy", "ok", "off")


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
    plan: Plan, badges: Sequence[Badge] | None, most_nodes: int = MOST_NODES, path: Sequence[str] = ()
) -> Graph:
    """The graph of a plan, folded if it is large; with `badges`, of a run of it, in which each job has one. `path` has
    the jobs of the critical path."""
    spans = sum(job.level - plan.jobs[other].level - 1 for job in plan.jobs for other in (*job.needs, *job.after))
    edges = sum(len(job.needs) + len(job.after) for job in plan.jobs)
    share = most_nodes / MOST_NODES
    if len(plan.jobs) <= most_nodes and edges <= MOST_EDGES * share and spans <= MOST_BENDS * share:
        return _of_jobs(plan, badges, set(itertools.pairwise(path)))
    return _of_bands(plan, badges)


def _of_jobs(plan: Plan, badges: Sequence[Badge] | None, path: Container[tuple[str, str]]) -> Graph:
    labels = shortened([visible(job.id) for job in plan.jobs], LONGEST_LABEL)
    nodes = [_job_node(plan, job, labels[job.index], badges[job.index] if badges else None) for job in plan.jobs]
    edges = [
        Edge(other, job.index, soft=is_soft, critical=(plan.jobs[other].id, job.id) in path)
        for job in plan.jobs
        for is_soft, others in ((False, job.needs), (True, [one for one in job.after if one not in job.needs]))
        for other in others
    ]
    return Graph(nodes, edges)


def _job_node(plan: Plan, job: PlannedJob, label: str, badge: Badge | None) -> Node:
    name = visible(job.id)
    parts = [] if badge is None else [badge.words]
    if job.needs:
        parts.append(f"needs {_names(plan, job.needs)}")
    if job.after:
        parts.append(f"after {_names(plan, job.after)}")
    title = f"{name}: {', '.join(parts)}" if parts else name
    kind, symbol = ("off", "") if badge is None else (badge.kind, badge.symbol)
    return Node(job.level, (label,), title, kind, symbol, job.index, job.spec.is_group)


def _names(plan: Plan, indices: Sequence[int]) -> str:
    names = [visible(plan.jobs[index].id) for index in indices[:_MOST_NAMES]]
    more = len(indices) - len(names)
    return " ".join([*names, *([f"and {more} more"] if more else [])])


def _of_bands(plan: Plan, badges: Sequence[Badge] | None) -> Graph:
    """A chain of bands of levels, with the number of dependencies between neighbours."""
    ranges = level_ranges(len(plan.levels), MOST_BANDS)
    band_of_level = [band for band, (first, end) in enumerate(ranges) for _ in range(first, end)]
    nodes = []
    for band, (first, end) in enumerate(ranges):
        members = [index for level in plan.levels[first:end] for index in level]
        name = f"Level {first + 1}" if end == first + 1 else f"Levels {first + 1}-{end}"
        jobs = count(len(members), "job")
        if badges is None:
            nodes.append(Node(band, (name, jobs), f"{name}: {jobs}", "off", ""))
            continue
        counts = Counter(badges[index] for index in members)
        found = sorted(counts, key=lambda badge: (_WORST_FIRST.index(badge.kind), badge.words))
        parts = [f"{counts[badge]} {badge.words}" for badge in found]
        title = f"{name}: {jobs}, {', '.join(parts)}"
        nodes.append(Node(band, (name, jobs, *parts), title, found[0].kind, found[0].symbol))
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
