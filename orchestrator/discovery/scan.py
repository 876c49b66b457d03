"""A script to the needs that it declares and the files that its shell code uses, with diagnostics."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.diagnostics.model import Diagnostic, Note, Severity, Span
from orchestrator.discovery.directives import Directive, directives
from orchestrator.discovery.markdown_blocks import Markdown, read_markdown
from orchestrator.discovery.shell_calls import Reference, ShellUse, read_shell
from orchestrator.discovery.shell_syntax import Code
from orchestrator.discovery.source_files import Language, Script


class Scan(Struct, frozen=True):
    """The content of one script, in the order of its text."""

    directives: tuple[Directive, ...]
    references: tuple[Reference, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def scan(script: Script) -> Scan:
    """Read a script in its language."""
    match script.language:
        case Language.SHELL:
            shell = read_shell([Code(script.text, script.path)], script.path)
            return Scan(shell.directives, shell.references, _unread(shell))
        case Language.MARKDOWN:
            return _runbook(script)
        case Language.OTHER:
            lines = enumerate(script.text.split("\n"), 1)
            return Scan(tuple(named for number, line in lines for named in directives(line, script.path, number)))


def _runbook(script: Script) -> Scan:
    runbook = read_markdown(script.text, script.path)
    shell = read_shell(runbook.codes, script.path) if runbook.codes else ShellUse((), (), ())
    found = (*_cannot_run(runbook, script), *_fenced(shell), *_unread(shell))
    return Scan(runbook.directives, shell.references, found)


def _cannot_run(runbook: Markdown, script: Script) -> tuple[Diagnostic, ...]:
    if runbook.unclosed:
        message = f"a shell block of `{script.path}` is not closed, so the text after it would run"
        return tuple(
            Diagnostic("PX137", message, span, notes=(Note("opened here", span),), help="close it with the same fence")
            for span in runbook.unclosed
        )
    if runbook.runs:
        return ()
    advice = "only fenced blocks labelled `bash`, `sh` or `shell` run"
    message = f"`{script.path}` has no shell block, so there is nothing to run"
    return (Diagnostic("PX137", message, Span(script.path, 1, 1), help=advice, severity=Severity.WARNING),)


def _fenced(shell: ShellUse) -> tuple[Diagnostic, ...]:
    """Directives in the code of a runbook: an example of another file, or a mistake."""
    advice = "move the line out of the code block"
    return tuple(
        Diagnostic(
            "PX139",
            f"the dependency `{named.name}` is in a code block and has no effect",
            named.span,
            notes=(Note("ignored here", named.span),),
            help=advice,
            severity=Severity.WARNING,
        )
        for named in shell.directives
    )


def _unread(shell: ShellUse) -> tuple[Diagnostic, ...]:
    message = "cannot parse this shell code; calls in it are not found"
    return tuple(Diagnostic("PX138", message, span, severity=Severity.WARNING) for span in shell.unread)
