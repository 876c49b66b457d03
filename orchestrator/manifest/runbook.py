"""Markdown runbooks: shell blocks with their lines, and shell text that runs them. The only import of markdown-it.

The text that runs the blocks is a single physical line that passes each block to `eval`, padded with as many empty
lines as there are before it in the Markdown. Bash counts the lines of such a text from the line of the `eval`, other
shells from 1; on line 1 that is the same, so the shell's own messages name lines of the Markdown. And each block is
parsed by itself: a quote or a here-document that it leaves open is its own syntax error.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

SHELL_LABELS = frozenset({"bash", "sh", "shell"})
EXTENSIONS = (".md", ".markdown")

_MAX_NESTING = 100
# The newline, without one in the text: a shell starts with IFS set to space, tab, newline, whatever its environment.
_NEWLINE = "_pexec_n=${IFS#??}"


class RunbookError(ValueError):
    """A runbook that must not run; `line` counts from 1 in the Markdown."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class Fence(Struct, frozen=True):
    """A fenced code block. `opening` is the line of its fence from 1, `end` the first line after it; `label` is the
    first word of the info string in lower case; `text` is without the indentation of the fence or its container."""

    label: str
    text: str
    opening: int
    end: int
    closed: bool


class Block(Struct, frozen=True):
    """Shell text to run; `line` is the Markdown line, from 1, of its first line."""

    text: str
    line: int


class Place(Struct, frozen=True):
    """How far a runbook got: a Markdown line. Unless `exact` it is the first line of the block."""

    line: int
    exact: bool


def is_runbook(path: str) -> bool:
    """Whether a file of this name is Markdown."""
    return path.lower().endswith(EXTENSIONS)


def fences(text: str) -> tuple[Fence, ...]:
    """All fenced code blocks in order; not indented code, and nothing inside an HTML comment."""
    found = []
    for token in _markdown().parse(text.removeprefix("\ufeff")):
        if token.type == "fence" and token.map is not None:
            first, end = token.map
            content = token.content
            lines = content.count("\n") + (not content.endswith("\n") and content != "")
            label = "".join(token.info.split()[:1]).lower()
            found.append(Fence(label, content, first + 1, end + 1, closed=end - first - 1 > lines))
    return tuple(found)


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a runbook that run: fences labelled `bash`, `sh` or `shell`, in order.

    Raises RunbookError for one that is not closed: to Markdown all the prose after it is code.
    """
    found = [fence for fence in fences(text) if fence.label in SHELL_LABELS]
    for fence in found:
        if not fence.closed:
            raise RunbookError("a shell block is not closed, so the text after it would run", fence.opening)
    return tuple(Block(fence.text, fence.opening + 1) for fence in found)


def script(blocks: Sequence[Block], marker: str = "") -> str:
    """One shell text, a single line, that runs the blocks in order in one shell and stops at the first failure.

    For any POSIX shell, as a file or after `-c`. It records in the file at the path `marker`, if given, how far it got:
    the current block, and in bash the line of the command that failed (see `place`).
    """
    parts = ["set -e", _NEWLINE, "_pexec_lines="]
    if marker:
        parts.append(f'if [ "${{BASH_VERSION-}}" ]; then set -E; trap {_quoted(_on_failure(marker))} ERR; fi')
    padded = 1
    for number, block in enumerate(blocks, 1):
        if marker:
            parts.append(_mark(f"block {block.line}", marker))
        parts.append("_pexec_lines=$_pexec_lines" + "$_pexec_n" * (block.line - padded))
        padded = block.line
        # As in one script, `[ -f x ] && rm x` at the end of a block is no failure unless it is the last command.
        text = block.text if number == len(blocks) else f"{block.text}\n:"
        parts.append('eval "$_pexec_lines"' + '"$_pexec_n"'.join(map(_quoted, text.split("\n"))))
    return "; ".join(parts) + "\n"


def place(marker: str) -> Place | None:
    """How far a runbook got, from the content of its marker file; None if that is not valid."""
    kind, _, number = marker.strip().partition(" ")
    if kind not in ("block", "line") or not (number.isascii() and number.isdigit()):
        return None
    return Place(int(number), exact=kind == "line")


def _on_failure(marker: str) -> str:
    """The handler for each failing command outside a condition: if the shell itself exits, record the line."""
    return f"case $BASH_SUBSHELL$- in 0*e*) {_mark('line $LINENO', marker)} ;; esac"


def _mark(what: str, marker: str) -> str:
    return f'{{ command echo "{what}" >|{_quoted(marker)}; }} 2>/dev/null || :'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt  # late: most jobs are no runbooks

    return MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).disable("inline")
