"""A plan in the language of Graphviz. Nodes are numbered, so a name is only ever a label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.console.text import visible
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.report.palette import FILLS
from orchestrator.report.status import Status


def render_dot(plan: Plan, statuses: Sequence[str] | None = None) -> str:
    """A digraph; edges lead from a job to its dependents, dashed for `after`."""
    lines = [
        f"digraph {_quoted(visible(plan.name))} {{",
        "  rankdir=LR",
        '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#8a8f98", fontname="sans-serif"]',
        '  edge [color="#8a8f98"]',
        *(_node(job, statuses[job.index] if statuses else "") for job in plan.jobs),
        *_edges(plan),
    ]
    return "\n".join(lines) + "\n}\n"


def _node(job: PlannedJob, status: str) -> str:
    attributes = {"label": _quoted(visible(job.id), Status(status).words if status else "")}
    if job.spec.is_group:
        attributes["shape"] = "ellipse"
    if status:
        fill, border = FILLS[status]
        attributes |= {"fillcolor": f'"{fill}"', "color": f'"{border}"'}
    return f"  n{job.index} [{', '.join(f'{key}={value}' for key, value in attributes.items())}]"


def _edges(plan: Plan) -> Iterator[str]:
    for job in plan.jobs:
        yield from (f"  n{need} -> n{job.index}" for need in job.needs)
        yield from (f"  n{other} -> n{job.index} [style=dashed]" for other in job.after)


def _quoted(*lines: str) -> str:
    """Text in double quotes, in which Graphviz interprets escapes and HTML entities."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines if line)
    return '"' + "\\n".join(escaped) + '"'
