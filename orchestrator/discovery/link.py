"""Resolves the names and paths in scripts and the graph to workflows, as needs."""

from __future__ import annotations

import os

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic, Note, Severity, Span
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.discovery.directives import Directive
from orchestrator.discovery.existing_graph import Graph, GraphName
from orchestrator.discovery.gather import Gathered, find_file
from orchestrator.discovery.model import FoundNeed, Infer, Origin
from orchestrator.discovery.scan import Scan
from orchestrator.discovery.shell_calls import Kind, Reference
from orchestrator.discovery.source_files import Script, is_script_name

_FEW = 8


class Links(Struct):
    """The needs of one workflow, each once, in the order in which they were found; and the files it sources."""

    needs: dict[str, FoundNeed] = field(default_factory=dict)
    reads: dict[str, None] = field(default_factory=dict)

    def add(self, need: FoundNeed) -> None:
        """Add a need, unless it is already known from a source of higher priority: directives first, calls last."""
        self.needs.setdefault(need.name, need)


class Linker:
    """Resolves references to workflows; what cannot be resolved is in `diagnostics`."""

    def __init__(self, gathered: Gathered, graph: Graph, infer: Infer) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._gathered = gathered
        self._graph = graph
        self._in_graph = {workflow.name: needs for workflow, needs, _ in graph.needs}
        self._infer = infer
        self._by_base = {os.path.basename(script.path): name for name, script in gathered.scripts.items()}

    def link(self, script: Script, scan: Scan) -> Links:
        """All that `script` needs and reads."""
        links = Links()
        for directive in scan.directives:
            self._directive(directive, script, links)
        for named in self._in_graph.get(script.name, ()):
            self._named(named, script, links)
        for reference in scan.references:
            if reference.kind is Kind.SOURCE:
                self._source(reference, script, links)
            elif self._infer is not Infer.OFF:
                self._call(reference, script, links)
        return links

    def check_names(self) -> None:
        """Report unknown names in the graph that are not reported as needs."""
        for workflow, _, _ in self._graph.needs:
            self._check_name(workflow, "dependencies")
        for named in self._graph.order:
            self._check_name(named, "execution_order")

    def _directive(self, directive: Directive, script: Script, links: Links) -> None:
        name = self._called(directive.name, script)
        if name is None:
            self._unknown(directive.name, script.name, directive.span)
        else:
            links.add(FoundNeed(name, Origin.DIRECTIVE, directive.span, directive.name))

    def _named(self, named: GraphName, script: Script, links: Links) -> None:
        if named.name in self._gathered.scripts:
            links.add(FoundNeed(named.name, Origin.GRAPH, named.span, named.written))
        else:
            self._unknown(named.written, script.name, named.span)

    def _source(self, reference: Reference, script: Script, links: Links) -> None:
        if reference.target is None:
            self._unresolved(reference, script, links)
            return
        file = find_file(reference.target, os.path.dirname(script.path), "")
        if file is None:
            self._missing(reference, script)
            links.reads[os.path.normpath(reference.target)] = None
            return
        name = self._gathered.workflow_at(file)
        if name == script.name:
            return
        links.reads[os.path.normpath(file)] = None
        if name is not None and self._infer is not Infer.OFF:
            links.add(FoundNeed(name, Origin.SOURCE, reference.span, reference.written))

    def _call(self, reference: Reference, script: Script, links: Links) -> None:
        if reference.target is None:
            self._unresolved(reference, script, links)
            return
        if reference.kind is Kind.RUNNER:
            name = self._called(reference.target, script)
        else:
            file = find_file(reference.target, os.path.dirname(script.path), "")
            if file is None and is_script_name(reference.target):
                self._missing(reference, script)
            name = None if file is None else self._gathered.workflow_at(file)
        if name is None or name == script.name or name in links.needs:
            return
        self._inferred(reference, script, name)
        if self._infer is Infer.ON:
            links.add(FoundNeed(name, Origin.CALL, reference.span, reference.written))

    def _called(self, word: str, script: Script) -> str | None:
        """The workflow of this name, or of this file."""
        if word in self._gathered.scripts:
            return word
        file = find_file(word, os.path.dirname(script.path), "")
        there = None if file is None else self._gathered.workflow_at(file)
        return there or self._by_base.get(word)

    def _check_name(self, named: GraphName, where: str) -> None:
        if named.name not in self._gathered.scripts:
            self._report_unknown(f"unknown workflow `{named.written}` in `{where}`", named.written, named.span)

    def _unknown(self, written: str, needed_by: str, span: Span) -> None:
        self._report_unknown(f"unknown dependency `{written}` of `{needed_by}`", written, span, besides=needed_by)

    def _report_unknown(self, message: str, written: str, span: Span, besides: str = "") -> None:
        names = [name for name in self._gathered.scripts if name != besides]
        advice = Suggester(names).did_you_mean(written)
        if not advice and 0 < len(names) <= _FEW:
            advice = f"the given files are {', '.join(f'`{name}`' for name in names)}"
        notes = (Note("no given file has this name", span),)
        self.diagnostics.append(Diagnostic("PX132", message, span, (), notes, advice))

    def _inferred(self, reference: Reference, script: Script, name: str) -> None:
        on = self._infer is Infer.ON
        message = (
            f"`{script.name}` needs `{name}`, because it calls it"
            if on
            else f"`{script.name}` calls `{name}` without declaring a dependency"
        )
        advice = (
            f"`{name}` would run twice: remove the call, or leave out `{self._gathered.scripts[name].path}`, "
            "which then runs when it is called"
            if on
            else f"write `# Depends on: {name}`, or use `--infer on`"
        )
        self._warn("PX133", message, reference.span, "called here", advice)

    def _unresolved(self, reference: Reference, script: Script, links: Links) -> None:
        maybe = self._by_base.get(reference.last)
        if maybe in links.needs or maybe == script.name or (maybe is None and not reference.sure):
            return
        message = f"cannot determine which file `{reference.written}` is without running `{script.path}`"
        advice = f"if it is `{maybe}`, write `# Depends on: {maybe}`" if maybe else ""
        self._warn("PX134", message, reference.span, "unknown path", advice)

    def _missing(self, reference: Reference, script: Script) -> None:
        verb = "sources" if reference.kind is Kind.SOURCE else "calls"
        message = f"`{script.path}` {verb} `{reference.target}`, which does not exist"
        advice = "paths are relative to the script's directory or the current directory"
        self._warn("PX134", message, reference.span, "no such file", advice)

    def _warn(self, code: str, message: str, span: Span, label: str, advice: str) -> None:
        self.diagnostics.append(Diagnostic(code, message, span, (), (Note(label, span),), advice, Severity.WARNING))
