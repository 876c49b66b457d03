"""A plan as a flowchart in the language of Mermaid. Nodes are numbered, so a name is only ever a label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from orchestrator.console.text import visible
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.report.palette import FILLS
from orchestrator.report.status import Status

_SPECIAL = re.compile(r"[^\w .=,-]")


def render_mermaid(plan: Plan, statuses: Sequence[str] | None = None) -> str:
    """A flowchart; edges lead from a job to its dependents, dotted for `after`."""
    lines = ["flowchart LR", *(_node(job, statuses[job.index] if statuses else "") for job in plan.jobs), *_edges(plan)]
    if statuses:
        lines += _classes(statuses)
    return "\n".join(lines) + "\n"


def _node(job: PlannedJob, status: str) -> str:
    label = "<br/>".join(filter(None, (_escaped(visible(job.id)), Status(status).words if status else "")))
    return f'  n{job.index}(["{label}"])' if job.spec.is_group else f'  n{job.index}["{label}"]'


def _edges(plan: Plan) -> Iterator[str]:
    for job in plan.jobs:
        yield from (f"  n{need} --> n{job.index}" for need in job.needs)
        yield from (f"  n{other} -.-> n{job.index}" for other in job.after)


def _classes(statuses: Sequence[str]) -> Iterator[str]:
    for status, (fill, border) in FILLS.items():
        members = ",".join(f"n{index}" for index, one in enumerate(statuses) if one == status)
        if members:
            yield f"  classDef {status.lower()} fill:{fill},stroke:{border},color:#1f2328"
            yield f"  class {members} {status.lower()}"


def _escaped(text: str) -> str:
    """Text for a label; characters that are special in Mermaid or HTML are written as numbers."""
    return _SPECIAL.sub(lambda found: f"#{ord(found.group())};", text)
