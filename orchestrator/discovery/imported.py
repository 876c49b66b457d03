"""Workflows made of the targets of a makefile or the scripts of a package.json, and the manifest that has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic, Severity, Span, has_errors
from orchestrator.discovery.manifest_text import quoted


class ImportedWorkflow(Struct, frozen=True):
    """A workflow without a file of its own; with an empty `run` it is a name for its needs."""

    name: str
    run: str
    needs: tuple[str, ...] = ()
    description: str = ""
    manual: bool = False
    endless: bool = False


class ImportedFile(Struct):
    """What a file was translated to. `head` are the lines of a comment; `shell` is that of all workflows."""

    workflows: list[ImportedWorkflow] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    head: tuple[str, ...] = ()
    shell: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        return bool(self.workflows) and not has_errors(self.diagnostics)

    def refuse(self, message: str, span: Span, advice: str) -> None:
        """PX125 for what has no translation."""
        self.diagnostics.append(Diagnostic("PX125", message, span, help=advice))

    def warn(self, message: str, span: Span, advice: str) -> None:
        """PX125 for what the translation does otherwise."""
        self.diagnostics.append(Diagnostic("PX125", message, span, help=advice, severity=Severity.WARNING))


def imported_text(found: ImportedFile, working_dir: str) -> str:
    """The text of a manifest. `working_dir`: from its directory to that of the file; empty if they are the same."""
    lines = [*(f"# {line}" for line in found.head), "version: 1", ""]
    defaults = []
    if found.shell:
        defaults.append(f"  shell: [{', '.join(map(quoted, found.shell))}]")
    if working_dir:
        defaults.append(f"  working_dir: {quoted(working_dir)}")
    if found.env:
        defaults.append(f"  env: {{{', '.join(f'{name}: {quoted(value)}' for name, value in found.env.items())}}}")
    if defaults:
        lines += ["defaults:", *defaults, ""]
    lines.append("workflows:")
    for number, workflow in enumerate(found.workflows):
        lines += [*([""] if number else []), *_workflow(workflow)]
    return "\n".join(lines) + "\n"


def _workflow(workflow: ImportedWorkflow) -> Iterator[str]:
    yield f"  {quoted(workflow.name)}:"
    if workflow.description:
        yield f"    description: {quoted(workflow.description)}"
    if workflow.manual:
        yield "    manual: true"
    if workflow.needs:
        yield f"    needs: [{', '.join(map(quoted, workflow.needs))}]"
    if workflow.endless:
        yield "    timeout: none"
    if workflow.run:
        yield from _run(workflow.run.replace("${{", "$${{").split("\n"))


def _run(lines: Sequence[str]) -> Iterator[str]:
    plain = all(line.replace("\t", " ").isprintable() for line in lines) and not lines[0][:1].isspace()
    if len(lines) > 1 and plain and lines[-1].strip():
        yield "    run: |"
        yield from (f"      {line}" if line else "" for line in lines)
    else:
        yield f"    run: {quoted(chr(10).join(lines))}"
