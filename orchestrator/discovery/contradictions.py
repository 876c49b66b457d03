"""Where an existing dependency graph and the scripts say different things about what waits for what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.diagnostics.model import Diagnostic, Note, Severity
from orchestrator.discovery.existing_graph import Graph
from orchestrator.discovery.model import Entry, Need, Origin

_KEPT = "both count; correct the graph, or remove the line"


def contradictions(entries: Sequence[Entry], graph: Graph) -> Iterator[Diagnostic]:
    """A warning for each need that the graph's own list of them lacks, and for each that its order turns round."""
    rows = {workflow.name: (needs, span) for workflow, needs, span in graph.needs}
    place = {named.name: (index, named.span) for index, named in enumerate(graph.order)}
    for entry in entries:
        needs, whole = rows.get(entry.name, ((), None))
        listed = {named.name for named in needs}
        for need in entry.needs:
            if need.origin is Origin.DIRECTIVE and whole is not None and need.name not in listed:
                message = f"`{entry.name}` needs `{need.name}`, which the dependency graph does not know"
                yield _warning(message, need, entry, Note("without it in the graph", whole), _KEPT)
            if entry.name in place and need.name in place and place[entry.name][0] < place[need.name][0]:
                message = f"`{entry.name}` needs `{need.name}`, but comes before it in `execution_order`"
                where = Note("comes first in the graph", place[entry.name][1])
                yield _warning(message, need, entry, where, "the need counts; the order is made anew")


def _warning(message: str, need: Need, entry: Entry, other: Note, advice: str) -> Diagnostic:
    here = Note(f"`{entry.name}` needs `{need.name}`", need.span)
    return Diagnostic("PX135", message, need.span, (), (here, other), advice, Severity.WARNING)
