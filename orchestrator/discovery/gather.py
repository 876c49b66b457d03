"""Collects the workflows: the files of the command line, then those of the dependency graph."""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic, Note, Span
from orchestrator.discovery.existing_graph import Graph, GraphWorkflow
from orchestrator.discovery.source_files import Script, UnreadableError, read_script, unreadable


class Gathered(Struct):
    """The scripts by name, their status in the graph, and diagnostics."""

    scripts: dict[str, Script] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, script: Script) -> None:
        """Add a workflow with an unused name."""
        self.scripts[script.name] = script
        self._names.setdefault(os.path.abspath(script.path), script.name)
        self._names.setdefault(os.path.realpath(script.path), script.name)

    def workflow_at(self, path: str) -> str | None:
        """The workflow of the file at a path, which may have several paths."""
        return self._names.get(os.path.abspath(path)) or self._names.get(os.path.realpath(path))


def gather(paths: Iterable[str], graph: Graph) -> Gathered:
    """Read all files. A file given twice counts once; of files with the same name the first is kept, and the clash is
    reported."""
    gathered = Gathered()
    by_name: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    for path in paths:
        files.setdefault(os.path.abspath(path), path)
    for path in files.values():
        try:
            script = read_script(path)
        except UnreadableError as error:
            gathered.diagnostics.append(unreadable(path, str(error)))
            continue
        by_name.setdefault(script.name, []).append(path)
        if script.name not in gathered.scripts:
            gathered.add(script)
    gathered.diagnostics += [_one_name(name, several) for name, several in by_name.items() if len(several) > 1]
    named: dict[str, GraphWorkflow] = {}
    for known in graph.workflows:
        first = named.setdefault(known.named.name, known)
        if first is known:
            _add_known(gathered, known, graph.file)
        else:
            gathered.diagnostics.append(_one_entry(first, known))
    return gathered


def find_file(path: str, *directories: str) -> str | None:
    """The first existing file with this path in one of the directories; an absolute path is used as it is."""
    for directory in directories:
        candidate = os.path.join(directory, path)
        if os.path.isfile(candidate):
            return candidate
    return None


def _add_known(gathered: Gathered, known: GraphWorkflow, graph_file: str) -> None:
    """Add a workflow of the graph, or report what contradicts it."""
    name = known.named.name
    given = gathered.scripts.get(name)
    gathered.statuses[name] = known.status
    if not known.path:
        if given is None:
            message = f"`{name}` has no path in the dependency graph, and no given file has this name"
            gathered.diagnostics.append(Diagnostic("PX136", message, known.named.span))
        return
    file = find_file(known.path, os.path.dirname(graph_file), "")
    there = None if file is None else gathered.workflow_at(file)
    if given is not None and there != name:
        gathered.diagnostics.append(_other_path(known, given))
    elif there is not None and there != name:
        gathered.diagnostics.append(_other_name(known, gathered.scripts[there]))
    elif file is None:
        gathered.diagnostics.append(unreadable(known.path, f"does not exist, the file of `{name}`", known.path_span))
    elif given is None:
        try:
            script = read_script(os.path.normpath(file))
        except UnreadableError as error:
            gathered.diagnostics.append(unreadable(known.path, str(error), known.path_span))
        else:
            gathered.add(Script(name, script.path, script.text, script.language))


def _one_name(name: str, paths: list[str]) -> Diagnostic:
    *others, last = [f"`{path}`" for path in paths]
    message = f"{', '.join(others)} and {last} would have the same name, `{name}`"
    return Diagnostic("PX131", message, help="rename all but one of them")


def _one_entry(first: GraphWorkflow, second: GraphWorkflow) -> Diagnostic:
    message = f"`{first.named.written}` and `{second.named.written}` in the dependency graph have the same name"
    notes = tuple(Note(f"`{known.named.name}`", known.named.span) for known in (first, second))
    return Diagnostic("PX131", message, second.named.span, notes=notes, help="rename one of them")


def _other_path(known: GraphWorkflow, given: Script) -> Diagnostic:
    message = f"`{given.name}` is `{given.path}`, but `{known.path}` in the dependency graph"
    notes = (Note("this file in the graph", known.path_span), Note("the file that was given", Span(given.path, 1, 1)))
    return Diagnostic("PX135", message, known.path_span, notes=notes, help="give that file, or correct the graph")


def _other_name(known: GraphWorkflow, given: Script) -> Diagnostic:
    message = f"`{given.path}` is the workflow `{given.name}`, but `{known.named.written}` in the dependency graph"
    notes = (Note("this name in the graph", known.named.span), Note("the file that was given", Span(given.path, 1, 1)))
    return Diagnostic("PX135", message, known.named.span, notes=notes, help="rename the file, or correct the graph")
