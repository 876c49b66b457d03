"""Contradictions between an existing dependency graph and the scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.diagnostics.model import Diagnostic, Note, Severity
from orchestrator.discovery.existing_graph import Graph
from orchestrator.discovery.model import Entry, FoundNeed, Origin

_KEPT = "both are used; correct the graph, or remove the line"


def contradictions(entries: Sequence[Entry], graph: Graph) -> Iterator[Diagnostic]:
    """A warning for each need that is missing in the graph's list of needs, and for each that its order reverses."""
    rows = {workflow.name: (needs, span) for workflow, needs, span in graph.needs}
    place = {named.name: (index, named.span) for index, named in enumerate(graph.order)}
    for entry in entries:
        needs, whole = rows.get(entry.name, ((), None))
        listed = {named.name for named in needs}
        for need in entry.needs:
            if need.origin is Origin.DIRECTIVE and whole is not None and need.name not in listed:
                message = f"`{entry.name}` needs `{need.name}`, which is missing in the dependency graph"
                yield _warning(message, need, entry, Note("not listed in the graph", whole), _KEPT)
            if entry.name in place and need.name in place and place[entry.name][0] < place[need.name][0]:
                message = f"`{entry.name}` needs `{need.name}`, but comes before it in `execution_order`"
                where = Note("comes first in the graph", place[entry.name][1])
                yield _warning(message, need, entry, where, "the need is used; the order is computed again")


def _warning(message: str, need: FoundNeed, entry: Entry, other: Note, advice: str) -> Diagnostic:
    here = Note(f"`{entry.name}` needs `{need.name}`", need.span)
    return Diagnostic("PX135", message, need.span, (), (here, other), advice, Severity.WARNING)
