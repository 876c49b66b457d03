"""Which workflows there are: the files of the command line, then those of the dependency graph."""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic, Note, Span
from orchestrator.discovery.existing_graph import Graph, Known
from orchestrator.discovery.source_files import Script, Unreadable, read_script, unreadable


class Gathered(Struct):
    """The scripts by their names, what the graph says of their status, and what was wrong with some."""

    scripts: dict[str, Script] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)

    def add(self, script: Script) -> None:
        """A workflow more, of a name that is not taken."""
        self.scripts[script.name] = script
        self._names.setdefault(os.path.abspath(script.path), script.name)
        self._names.setdefault(os.path.realpath(script.path), script.name)

    def workflow_at(self, path: str) -> str | None:
        """The workflow whose file stands there, under this name or another."""
        return self._names.get(os.path.abspath(path)) or self._names.get(os.path.realpath(path))


def gather(paths: Iterable[str], graph: Graph) -> Gathered:
    """Read all files. A file named twice counts once; two files that get one name are told, and the first is kept."""
    gathered = Gathered()
    by_name: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    for path in paths:
        files.setdefault(os.path.abspath(path), path)
    for path in files.values():
        try:
            script = read_script(path)
        except Unreadable as why:
            gathered.diagnostics.append(unreadable(path, str(why)))
            continue
        by_name.setdefault(script.name, []).append(path)
        if script.name not in gathered.scripts:
            gathered.add(script)
    gathered.diagnostics += [_one_name(name, several) for name, several in by_name.items() if len(several) > 1]
    named: dict[str, Known] = {}
    for known in graph.workflows:
        first = named.setdefault(known.named.name, known)
        if first is known:
            _add_known(gathered, known, graph.file)
        else:
            gathered.diagnostics.append(_one_entry(first, known))
    return gathered


def find_file(path: str, *folders: str) -> str | None:
    """The first file of this path below one of the folders; an absolute path stands for itself."""
    for folder in folders:
        candidate = os.path.join(folder, path)
        if os.path.isfile(candidate):
            return candidate
    return None


def _add_known(gathered: Gathered, known: Known, graph_file: str) -> None:
    """Take a workflow of the graph in, or tell what contradicts it."""
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
        gathered.diagnostics.append(unreadable(known.path, f"does not exist; it is `{name}`", known.path_span))
    elif given is None:
        try:
            script = read_script(os.path.normpath(file))
        except Unreadable as why:
            gathered.diagnostics.append(unreadable(known.path, str(why), known.path_span))
        else:
            gathered.add(Script(name, script.path, script.text, script.language))


def _one_name(name: str, paths: list[str]) -> Diagnostic:
    *others, last = [f"`{path}`" for path in paths]
    message = f"{', '.join(others)} and {last} would get one name, `{name}`"
    return Diagnostic("PX131", message, help="rename all but one of them")


def _one_entry(first: Known, second: Known) -> Diagnostic:
    message = f"`{first.named.written}` and `{second.named.written}` in the dependency graph get one name"
    notes = tuple(Note(f"`{known.named.name}`", known.named.span) for known in (first, second))
    return Diagnostic("PX131", message, second.named.span, notes=notes, help="rename one of them")


def _other_path(known: Known, given: Script) -> Diagnostic:
    message = f"`{given.name}` is `{given.path}`, but `{known.path}` in the dependency graph"
    notes = (Note("this file in the graph", known.path_span), Note("the file that was given", Span(given.path, 1, 1)))
    return Diagnostic("PX135", message, known.path_span, notes=notes, help="give that file, or correct the graph")


def _other_name(known: Known, given: Script) -> Diagnostic:
    message = f"`{given.path}` is the workflow `{given.name}`, but `{known.named.written}` in the dependency graph"
    notes = (Note("this name in the graph", known.named.span), Note("the file that was given", Span(given.path, 1, 1)))
    return Diagnostic("PX135", message, known.named.span, notes=notes, help="rename the file, or correct the graph")
