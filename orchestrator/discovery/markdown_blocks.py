"""A Markdown runbook to the directives in its prose, and its shell code with its positions."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.diagnostics.model import Span
from orchestrator.discovery.directives import Directive, directives
from orchestrator.discovery.shell_syntax import Code
from orchestrator.manifest.runbook import SHELL_LABELS, Fence, fences

_READ_LABELS = SHELL_LABELS | {"zsh"}  # parsed for calls, although zsh does not run runbooks
_MOST_INDENTED = 3  # blanks; more is indented code


class Markdown(Struct, frozen=True):
    """The content of a runbook. `unclosed` has shell fences without an end; `runs`: it has code to run."""

    directives: tuple[Directive, ...]
    codes: tuple[Code, ...]
    unclosed: tuple[Span, ...]
    runs: bool


def read_markdown(text: str, file: str) -> Markdown:
    """Read the runbook `file`."""
    lines = text.split("\n")
    found = fences(text)
    inside = {number for fence in found for number in range(fence.opening, fence.end)}
    named = [
        directive
        for number, line in enumerate(lines, 1)
        if number not in inside and _indentation(line) <= _MOST_INDENTED
        for directive in directives(line, file, number)
    ]
    shell = [fence for fence in found if fence.label in _READ_LABELS]
    return Markdown(
        directives=tuple(named),
        codes=tuple(_code(fence, lines, file) for fence in shell),
        unclosed=tuple(_span(file, fence.opening, lines) for fence in shell if not fence.closed),
        runs=any(fence.label in SHELL_LABELS and fence.text.strip() for fence in found),
    )


def _code(fence: Fence, lines: Sequence[str], file: str) -> Code:
    """The code of a fence; its lines are those of the file without their indentation."""
    indents = []
    for number, line in enumerate(fence.text.split("\n"), fence.opening):
        whole = lines[number] if number < len(lines) else ""
        indents.append(len(whole) - len(line) if whole.endswith(line) else 0)
    return Code(fence.text, file, fence.opening + 1, tuple(indents))


def _span(file: str, number: int, lines: Sequence[str]) -> Span:
    line = lines[number - 1]
    shown = line.strip()
    return Span(file, number, line.index(shown) + 1, max(1, len(shown)))


def _indentation(line: str) -> int:
    """The indentation of a line; a tab is enough for indented code."""
    blanks = len(line) - len(line.lstrip(" \t"))
    return blanks if "\t" not in line[:blanks] else blanks + _MOST_INDENTED
