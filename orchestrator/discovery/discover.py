"""Scripts, runbooks and an optional dependency graph to the content of a manifest. Reads files, runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.diagnostics.model import Diagnostic, Span
from orchestrator.discovery.contradictions import contradictions
from orchestrator.discovery.existing_graph import Graph, read_graph
from orchestrator.discovery.gather import gather
from orchestrator.discovery.link import Linker
from orchestrator.discovery.model import Discovery, Entry, Infer
from orchestrator.discovery.scan import scan

# The shell does not end a line at these, so they must not end a line in a snippet either.
_NOT_LINE_ENDS = re.compile("[\x85\u2028\u2029]")


def discover(paths: Sequence[str], graph_file: str | None = None, infer: Infer = Infer.ON) -> Discovery:
    """The workflows of these files (paths relative to the current directory) and of the graph, with their needs.

    Raises EnvironmentFailedError if there is shell code and its parser is not installed.
    """
    graph = Graph() if graph_file is None else read_graph(graph_file)
    gathered = gather(paths, graph)
    diagnostics: list[Diagnostic] = [*graph.diagnostics, *gathered.diagnostics]
    linker = Linker(gathered, graph, infer)
    entries = []
    for name, script in gathered.scripts.items():
        scanned = scan(script)
        links = linker.link(script, scanned)
        diagnostics += (*scanned.diagnostics, *linker.diagnostics)
        linker.diagnostics.clear()
        status = gathered.statuses.get(name, "PENDING")
        entries.append(Entry(name, script.path, tuple(links.needs.values()), tuple(links.reads), status))
    linker.check_names()
    diagnostics += (*linker.diagnostics, *contradictions(entries, graph))
    if not entries and not diagnostics:
        diagnostics.append(Diagnostic("PX136", f"no workflows in `{graph.file}`", Span(graph.file, 1, 1)))
    texts = {graph.file: graph.text} | {script.path: script.text for script in gathered.scripts.values()}
    shown = {file: _NOT_LINE_ENDS.sub(" ", text) for file, text in texts.items()}
    return Discovery(tuple(entries), tuple(diagnostics), shown)
