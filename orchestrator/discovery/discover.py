"""Scripts, runbooks and perhaps a dependency graph -> what a manifest of them says. Reads files and runs nothing."""

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

# To the shell these do not end a line; who shows lines must not take them for line ends either.
_NOT_LINE_ENDS = re.compile("[\x85\u2028\u2029]")


def discover(paths: Sequence[str], graph_file: str | None = None, infer: Infer = Infer.ON) -> Discovery:
    """The workflows of these files (paths from the current folder) and of the graph, with their needs.

    Raises EnvironmentFailedError where shell code is to be read and the parser for it is not installed.
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
        diagnostics.append(Diagnostic("PX136", f"there is no workflow in `{graph.file}`", Span(graph.file, 1, 1)))
    texts = {graph.file: graph.text} | {script.path: script.text for script in gathered.scripts.values()}
    shown = {file: _NOT_LINE_ENDS.sub(" ", text) for file, text in texts.items()}
    return Discovery(tuple(entries), tuple(diagnostics), shown)
