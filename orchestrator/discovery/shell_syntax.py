"""Shell text to its syntax tree, with positions. The only module that imports tree-sitter.

The grammar supports one here-document a line, with the simplest delimiter; the body of any other is parsed as code. So
they are removed from the text first: operators are found by the grammar, bodies by the shell's own rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.diagnostics.model import Span
from orchestrator.errors import EnvironmentFailedError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Point

_OPERATOR = re.compile(rb"<<(-?)[ \t]*((?:'[^']*'|\"[^\"]*\"|\\.|[^\s;&|<>()'\"\\])*)")
_QUOTING = re.compile(rb"['\"\\]")
# Each pass removes at least one here-document; what is left after the last is reported as code that cannot be read.
_MOST_PASSES = 200


class Code(Struct, frozen=True):
    """A piece of shell text in a file: its first line, and the indentation of each of its lines."""

    text: str
    file: str
    line: int = 1
    indents: tuple[int, ...] = ()


class Syntax(Struct, frozen=True):
    """The tree of a piece of code, without its here-documents. Its columns are bytes of `lines`."""

    root: Node
    lines: tuple[bytes, ...]
    code: Code

    def span(self, node: Node) -> Span:
        """The span of a node in the file, or of its first line."""
        start, end = node.start_point, node.end_point
        first = self._column(start)
        last = self._column(end) if end.row == start.row else len(self.lines[start.row].decode())
        indent = self.code.indents[start.row] if start.row < len(self.code.indents) else 0
        return Span(self.code.file, self.code.line + start.row, indent + first + 1, max(1, last - first))

    def stands_alone(self, node: Node) -> bool:
        """Whether there are only blanks before the node on its line."""
        start = node.start_point
        return not self.lines[start.row][: start.column].strip()

    def first_error(self) -> Node | None:
        """The first node that could not be parsed, if any."""
        if not self.root.has_error:
            return None
        return next((node for node in nodes(self.root) if node.is_error or node.is_missing), None)

    def _column(self, point: Point) -> int:
        return len(self.lines[point.row][: point.column].decode("utf-8", "replace"))


def parse(code: Code) -> Syntax:
    """The syntax of shell text. Raises EnvironmentFailedError if the parser is not installed."""
    lines = code.text.encode().split(b"\n")
    root = _parser().parse(b"\n".join(lines)).root_node
    for _ in range(_MOST_PASSES):
        operators = [node.start_point for node in nodes(root) if _opens_here_document(node)]
        if not operators:
            break
        # After a syntax error, what looks like an operator may be inside a body.
        for point in operators[:1] if root.has_error else operators:
            _remove(lines, point.row, point.column)
        root = _parser().parse(b"\n".join(lines)).root_node
    return Syntax(root, tuple(lines), code)


def nodes(root: Node) -> Iterator[Node]:
    """All nodes in the order of the text, each before its children."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def text_of(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def _opens_here_document(node: Node) -> bool:
    if node.type not in ("<<", "<<-"):
        return False
    following = node.next_sibling
    return following is not None and following.type == "heredoc_start"


def _remove(lines: list[bytes], row: int, column: int) -> None:
    """Blank an operator and the body of its here-document, unless it is inside the body of another."""
    line = lines[row]
    operator = _OPERATOR.match(line, column)
    if operator is None:
        return
    lines[row] = line[:column] + b" " * (operator.end() - column) + line[operator.end() :]
    delimiter = _QUOTING.sub(b"", operator[2])
    first = row + 1
    while first < len(lines) and lines[first - 1].endswith(b"\\"):
        first += 1
    for at in range(first, len(lines)):
        ended = (lines[at].lstrip(b"\t") if operator[1] else lines[at]) == delimiter
        lines[at] = b""
        if ended:
            break


@cache
def _parser() -> Parser:
    try:
        import tree_sitter_bash
        from tree_sitter import Language, Parser
    except ImportError:
        raise EnvironmentFailedError(
            "`pexec discover` cannot import `tree-sitter` and `tree-sitter-bash`, which it needs to parse shell code",
            help="this installation of pexec is incomplete: `pip install tree-sitter tree-sitter-bash`",
            code="PX301",
        ) from None
    return Parser(Language(tree_sitter_bash.language()))
