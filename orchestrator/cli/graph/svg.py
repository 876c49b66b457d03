"""A plan as a picture that any browser shows, without other programs."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.console.text import count, visible
from orchestrator.plan.model import Plan
from orchestrator.report.page.badges import status_badge
from orchestrator.report.page.graph_nodes import graph_of
from orchestrator.report.page.graph_svg import graph_svg
from orchestrator.report.page.style import DRAWING_STYLE
from orchestrator.report.status import Status

MOST_NODES = 1500  # more are folded; a page folds earlier, since it shows them among other things


def render_svg(plan: Plan, outcomes: Sequence[tuple[Status, bool]] | None = None) -> str:
    """Layers from left to right; the colour and the symbol of a job are those of its outcome: its status, and whether
    its failure is allowed. Bands of levels if there are very many jobs."""
    badges = None if outcomes is None else [status_badge(status, allowed=allowed) for status, allowed in outcomes]
    graph = graph_of(plan, badges, MOST_NODES)
    title = f"{visible(plan.name)}: {count(len(plan.jobs), 'job')} in {count(len(plan.levels), 'level')}"
    return "\n".join(graph_svg(graph, title, style=DRAWING_STYLE, links=False)) + "\n"
